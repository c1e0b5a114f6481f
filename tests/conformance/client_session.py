"""Runs the cases of elasticsearch-py by every arm, and compares what each was answered."""

import time
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import client_changes  # noqa: F401 its cases are wanted
import client_searches  # noqa: F401 likewise
from api_calls import Connection
from arms import DIRECT, SAID, Arm, noted
from client_answers import Kept, RecordingNode, comparable, first_difference, of_any_query
from client_cases import CASES, ClientCase, fill
from elastic_transport import TransportError
from elasticsearch import ApiError, Elasticsearch
from elasticsearch.helpers import BulkIndexError
from findings import Verdicts
from wiping import wipe
from yaml_runner import Outcome

_TOUCHED: Final = ("settings",)


@dataclass(frozen=True, slots=True)
class Asked:
    """What one case was answered by one arm.

    Attributes:
        answers: Of every call, comparable; an exception that ended the case is the last.
        noted: What the proxy said of them.
        seconds: How long it took.
    """

    answers: list[Any]
    noted: Counter[str]
    seconds: float


def compare(arms: Mapping[str, Arm], engine: Connection) -> list[Verdicts]:
    """Run every case by every arm, directly once more, and compare with the first.

    Args:
        arms: By name.
        engine: A connection of our own, to clean up.
    """
    asked = {name: _ask_all(arm.url, engine) for name, arm in arms.items()}
    again = _ask_all(arms[DIRECT].url, engine)
    return [
        verdicts_on(case, {name: each[case.name] for name, each in asked.items()}, again[case.name])
        for case in CASES
    ]


def verdicts_on(case: ClientCase, asked: Mapping[str, Asked], again: Asked) -> Verdicts:
    """Say by which arms a case was answered as it was directly the first time.

    Args:
        case: Which.
        asked: By arm.
        again: Directly, once more.
    """
    first = asked[DIRECT].answers
    return Verdicts(
        case.group,
        f"{case.group}/{case.name}",
        {name: _outcome(first, each.answers) for name, each in asked.items()},
        (_outcome(first, again.answers),),
        {name: dict(each.noted) for name, each in asked.items() if each.noted},
        again.seconds + sum(each.seconds for each in asked.values()),
    )


def _outcome(first: list[Any], other: list[Any]) -> Outcome:
    difference = first_difference(of_any_query(first), of_any_query(other))
    return Outcome("fail", difference) if difference else Outcome("pass")


def _ask_all(url: str, engine: Connection) -> dict[str, Asked]:
    """Run all cases: those that read first, of one and the same shop."""
    with recording(url) as (client, kept):
        wipe(engine, _TOUCHED)
        fill(client)
        asked = {}
        for case in sorted(CASES, key=lambda each: each.writes):
            if case.writes:
                wipe(engine, _TOUCHED)
            kept.clear()
            asked[case.name] = ask(case, client, kept)
        wipe(engine, _TOUCHED)
        return asked


@contextmanager
def recording(url: str) -> Iterator[tuple[Elasticsearch, list[Kept]]]:
    """Open a client, and the list of what it is answered."""
    with Elasticsearch(url, node_class=RecordingNode, request_timeout=60, max_retries=0) as client:
        (node,) = client.transport.node_pool.all()
        yield client, node.kept  # type: ignore[attr-defined]  # it is a RecordingNode


def ask(case: ClientCase, client: Elasticsearch, kept: list[Kept]) -> Asked:
    """Run one case; what the client raises is an answer as well."""
    began = time.perf_counter()
    raised = []
    try:
        with warnings.catch_warnings(action="ignore"):  # of deprecations, which are compared
            case.call(client)
    except (ApiError, TransportError, BulkIndexError, LookupError) as error:
        raised = [f"raised {type(error).__name__}"]
    said: Counter[str] = Counter()
    for call, meta, _ in kept:
        told = [meta.headers[name] for name in SAID if name in meta.headers]
        said.update(noted(call, meta.status, told))
    answers = [comparable(each, shape=case.shape) for each in kept]
    return Asked([*answers, *raised], said, time.perf_counter() - began)

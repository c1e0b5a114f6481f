"""Whether the arms of a comparison answer what they should, looked at before anything is timed."""

import http.client
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import httptools
import msgspec

from qrmiddleware_benchmarks.arms import Answers
from qrmiddleware_benchmarks.fronts import Arm

_PROBES = 10
_TIMEOUT_S = 30


class AnswerError(Exception):
    """An arm does not answer what it should, so that its latency would mean nothing."""


def check_answers(arms: Sequence[Arm]) -> int:
    """Ask every arm some of its own requests, and hold the answers against the first arm's.

    Returns:
        How many answers were compared.

    Raises:
        AnswerError: If one is not a search reply, or not what the arm should answer.
    """
    first, *others = arms
    compared = 0
    for arm in others:
        probes = arm.target.requests[-_PROBES:]
        with arm.serving():
            replies = _ask(arm, probes)
        for expected, got in zip(_ask(first, probes), replies, strict=True):
            _compare(arm, expected, got)
            compared += 1
    return compared


def _compare(arm: Arm, expected: bytes, got: bytes) -> None:
    if got == expected:
        return
    if not _ALIKE[arm.spec.answers](_read(arm, expected), _read(arm, got)):
        message = (
            f"{arm.name} should answer {_MEANT[arm.spec.answers]}, but where the first arm "
            f"answers {expected[:300]!r}, it answers {got[:300]!r}"
        )
        raise AnswerError(message)


def _read(arm: Arm, body: bytes) -> Mapping[str, Any]:
    try:
        reply: Mapping[str, Any] = msgspec.json.decode(body)
        _doc_ids(reply)
    except (msgspec.DecodeError, KeyError, TypeError) as error:
        message = f"{arm.name} answers no search reply, but {body[:300]!r}"
        raise AnswerError(message) from error
    return reply


def _same(expected: Mapping[str, Any], got: Mapping[str, Any]) -> bool:
    return {**expected, "took": 0} == {**got, "took": 0}


def _reordered(expected: Mapping[str, Any], got: Mapping[str, Any]) -> bool:
    return sorted(_doc_ids(expected)) == sorted(_doc_ids(got))


def _found(expected: Mapping[str, Any], got: Mapping[str, Any]) -> bool:
    return bool(_doc_ids(got)) or not _doc_ids(expected)


_ALIKE: Mapping[Answers, Callable[[Mapping[str, Any], Mapping[str, Any]], bool]] = MappingProxyType(
    {"same": _same, "reordered": _reordered, "found": _found}
)
_MEANT: Mapping[Answers, str] = MappingProxyType(
    {"same": "the same", "reordered": "the same hits", "found": "some hits"}
)


def _doc_ids(reply: Mapping[str, Any]) -> list[str]:
    return [hit["_id"] for hit in reply["hits"]["hits"]]


class _Parts:
    """Takes a whole request apart, as the parser calls back."""

    def __init__(self, request: bytes) -> None:
        self.url, self.body, self.headers = "", b"", dict[str, str]()
        self.parser = httptools.HttpRequestParser(self)
        self.parser.feed_data(request)
        self.method = self.parser.get_method().decode()

    def on_url(self, url: bytes) -> None:
        self.url = url.decode()

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers[name.decode()] = value.decode()

    def on_body(self, body: bytes) -> None:
        self.body += body


def _ask(arm: Arm, requests: Iterable[bytes]) -> list[bytes]:
    connection = http.client.HTTPConnection(arm.target.host, arm.target.port, timeout=_TIMEOUT_S)
    bodies = []
    try:
        for request in requests:
            parts = _Parts(request)
            connection.request(parts.method, parts.url, parts.body, parts.headers)
            reply = connection.getresponse()
            body = reply.read()
            if reply.status != http.HTTPStatus.OK:
                message = f"{arm.name} answers with status {reply.status}: {body[:300]!r}"
                raise AnswerError(message)
            bodies.append(body)
    except (OSError, http.client.HTTPException) as error:
        message = f"{arm.name} cannot be asked: {error}"
        raise AnswerError(message) from error
    finally:
        connection.close()
    return bodies

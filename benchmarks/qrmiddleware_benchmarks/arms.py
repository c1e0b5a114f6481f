"""Scenarios as data: a question, the arms that are compared, and how hard they are asked."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

Answers: TypeAlias = Literal["same", "reordered", "found"]
"""How an arm's answers must look beside the first arm's.

``same``: equal, apart from ``took``. ``reordered``: the same hits, in any order. ``found``: hits
wherever the first arm has some.
"""


@dataclass(frozen=True, slots=True)
class Direct:
    """Nothing between the load generator and the upstream."""


@dataclass(frozen=True, slots=True)
class Nginx:
    """nginx, with kept connections and a process a core."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proxy:
    """``qrm serve``.

    Attributes:
        pipeline: What stands under ``pipelines.default``; ``None`` for no pipelines at all.
            Relative paths name files that ``fronts`` writes.
        workers: Processes that serve.
        limits: What stands under ``limits``.
    """

    pipeline: Mapping[str, Any] | None = None
    workers: int = 1
    limits: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class Url:
    """A system that runs already, here or elsewhere; it speaks HTTP without TLS.

    Attributes:
        host: Name or address.
        port: TCP port.
        target: Path and parameters of its search endpoint.
        headers: Sent with every search.
    """

    host: str
    port: int
    target: str
    headers: Mapping[str, str] = field(default_factory=dict[str, str])


Front: TypeAlias = Direct | Nginx | Proxy | Url


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmSpec:
    """One way to the answers.

    Attributes:
        front: What stands before the upstream.
        queries: ``"mix"`` for the run's queries; ``"new"`` for queries none of which is ever
            asked twice.
        restarted: Whether it is started anew before each of its slices, which are short and
            have no warm-up then: the first searches of its life.
        answers: How its answers must look.
        degrades: Whether something is broken here, so that searches lose a plugin's opinion.
    """

    front: Front
    queries: Literal["mix", "new"] = "mix"
    restarted: bool = False
    answers: Answers = "same"
    degrades: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One comparison.

    Attributes:
        name: On the command line, and of its result file.
        question: What it answers.
        meaning: What its figures say and do not say, for the page; Markdown.
        arms: By name; the first is what the others are compared with.
        rate_hz: Searches a second, for each arm in its turn.
        sizes_bytes: Sizes of a constant upstream's answers, each measured by itself; none for
            an engine, or where the arms bring their own.
    """

    name: str
    question: str
    meaning: str
    arms: Mapping[str, ArmSpec]
    rate_hz: float
    sizes_bytes: tuple[int, ...] = ()

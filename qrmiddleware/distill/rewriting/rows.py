"""The lines of the files that rewriting is trained by."""

from typing import Any

import msgspec


class RewritePair(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A query and another wording of it: what a generator learns from.

    Attributes:
        query: As the user typed it.
        rewrite: The other wording.
        source: Who says that they mean the same: ``people``, ``products``, ``log``, a teacher.
        reason: Why, where it is told.
        split: What it is for: ``train``, ``valid`` or ``test``; empty where nothing was split.
    """

    query: str
    rewrite: str
    source: str = ""
    reason: str = ""
    split: str = ""


class Candidate(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A rewrite that somebody proposes.

    Attributes:
        text: The rewrite.
        log_probability: Mean over its tokens, in nats; ``None`` if its maker has none.
    """

    text: str
    log_probability: float | None = None


class CandidateSet(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The rewrites that are proposed for one query, best first.

    Attributes:
        query: As the user typed it.
        candidates: No text twice.
        by: Who proposes them, with all that may change what it proposes.
    """

    query: str
    candidates: tuple[Candidate, ...]
    by: str = ""


class Valued(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A candidate after the offline system has searched for it.

    The three measures are those of ``qrmiddleware.evaluation.rewriting``.

    Attributes:
        text: The rewrite.
        log_probability: As it was proposed.
        found: Hits of the rewrite's own search, to the depth that was asked for.
        new: Of these, how many the query itself did not find.
        relevance: Share of what it finds that is relevant to the query as typed.
        increment: What it finds that is relevant and new, by what the query found of relevant.
        increment_union: The same of both together.
        hit_rate: Share of what users got elsewhere that both find; ``None`` if nobody knows.
        refused: Why the rewrite was not searched for: a guard's reason; empty if it was.
    """

    text: str
    log_probability: float | None = None
    found: int = 0
    new: int = 0
    relevance: float = 0.0
    increment: float = 0.0
    increment_union: float = 0.0
    hit_rate: float | None = None
    refused: str = ""


class Feedback(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What an offline system says of one query's candidates; one line of a file of feedback.

    Attributes:
        query: As the user typed it.
        candidates: In the order in which they were proposed.
        found: Hits of the query as typed, to the same depth.
        relevant: Of these, how many are relevant.
        by: Engine, index, depth and judge: feedback of two never mixes.
        problem: Why there is none, where the query itself could not be searched; empty else.
    """

    query: str
    candidates: tuple[Valued, ...]
    found: int = 0
    relevant: int = 0
    by: str = ""
    problem: str = ""


def to_line(row: msgspec.Struct) -> bytes:
    """Write a row as a line of JSON."""
    return msgspec.json.encode(row) + b"\n"


def from_line(line: bytes, kind: Any) -> Any:  # noqa: ANN401 the kind decides
    """Read a line of JSON as a row of a kind.

    Raises:
        msgspec.MsgspecError: If it is none.
    """
    return msgspec.json.decode(line, type=kind)

"""Rejection sampling: which pairs of query and rewrite a generator is to learn from.

Source: BEQUE, arXiv:2311.03758: a rewrite is kept where it is relevant to its query, and brings
products that the query does not. Thresholds are not told there; which of two equal pairs is kept,
and that echoes are dropped, is our reading.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias

import msgspec

from qrmiddleware.distill.rewriting.row_files import read_rows
from qrmiddleware.distill.rewriting.rows import Feedback, RewritePair
from qrmiddleware.errors import ConfigError
from qrmiddleware.students.generator.texts import normalised
from qrmiddleware_beque.recipes.instructions import JudgedRewrite

Key: TypeAlias = tuple[str, str]
"""Query and rewrite, as texts that differ in case, blanks and width only are one."""

ECHO: Final = "says what the query says"
REPEAT: Final = "occurs before"
UNKNOWN: Final = "has no feedback"
REFUSED: Final = "was refused by a guard"
IRRELEVANT: Final = "finds too little that is relevant"
NOTHING_NEW: Final = "adds too little"
REASONS: Final = (ECHO, REPEAT, UNKNOWN, REFUSED, IRRELEVANT, NOTHING_NEW)
"""Why a pair is dropped, in the order in which they are looked for."""


class Score(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody says of a pair, where no engine was asked; one line of a file of scores.

    Attributes:
        query: As the user typed it.
        rewrite: The other wording.
        relevance: Of the rewrite to the query, or of what it finds; 0..1.
        increment: What it finds that is new and relevant, by what the query found of relevant.
    """

    query: str
    rewrite: str
    relevance: float
    increment: float


@dataclass(frozen=True, slots=True)
class Thresholds:
    """What a pair has to reach.

    Attributes:
        relevance: At least.
        increment: More than.
    """

    relevance: float = 0.5
    increment: float = 0.0


@dataclass(frozen=True, slots=True)
class Sorted:
    """Pairs by what was decided.

    Attributes:
        kept: In their order.
        dropped: With the reason for each.
    """

    kept: tuple[RewritePair, ...]
    dropped: tuple[tuple[RewritePair, str], ...]

    @property
    def counts(self) -> Mapping[str, int]:
        """How many were dropped by reason, each reason there is."""
        found = Counter(reason for _, reason in self.dropped)
        return {reason: found[reason] for reason in REASONS}


def key_of(query: str, rewrite: str) -> Key:
    """Return what equal pairs share."""
    return normalised(query), normalised(rewrite)


def reject(
    pairs: Iterable[RewritePair], scores: Mapping[Key, Score | None], thresholds: Thresholds
) -> Sorted:
    """Keep the pairs that reach both thresholds.

    Args:
        pairs: In the order of preference: the first of equal ones counts.
        scores: By `key_of`; ``None`` of a rewrite that a guard refused.
        thresholds: To reach.
    """
    kept: list[RewritePair] = []
    dropped: list[tuple[RewritePair, str]] = []
    seen: set[Key] = set()
    for pair in pairs:
        key = key_of(pair.query, pair.rewrite)
        reason = REPEAT if key in seen else _reason(key, scores, thresholds)
        seen.add(key)
        if reason:
            dropped.append((pair, reason))
        else:
            kept.append(pair)
    return Sorted(tuple(kept), tuple(dropped))


def _reason(key: Key, scores: Mapping[Key, Score | None], thresholds: Thresholds) -> str:
    query, rewrite = key
    if not rewrite or query == rewrite:
        return ECHO
    if key not in scores:
        return UNKNOWN
    score = scores[key]
    if score is None:
        return REFUSED
    if score.relevance < thresholds.relevance:
        return IRRELEVANT
    return "" if score.increment > thresholds.increment else NOTHING_NEW


def verdicts_of(found: Sorted) -> Iterator[JudgedRewrite]:
    """Yield what the thresholds say of meaning: whether a rewrite is relevant, new or not."""
    for pair in found.kept:
        yield JudgedRewrite(query=pair.query, rewrite=pair.rewrite, good=True)
    for pair, reason in found.dropped:
        if reason in {IRRELEVANT, NOTHING_NEW}:
            good = reason == NOTHING_NEW
            yield JudgedRewrite(query=pair.query, rewrite=pair.rewrite, good=good)


def scores_of(feedback: Iterable[Feedback]) -> dict[Key, Score | None]:
    """Read scores off what the offline system says; queries with a problem have none.

    Raises:
        ConfigError: If feedback of two engines, depths or judges is mixed.
    """
    found: dict[Key, Score | None] = {}
    for row in one_system(feedback):
        for each in row.candidates if not row.problem else ():
            found[key_of(row.query, each.text)] = (
                None
                if each.refused
                else Score(
                    query=row.query,
                    rewrite=each.text,
                    relevance=each.relevance,
                    increment=each.increment,
                )
            )
    return found


def one_system(feedback: Iterable[Feedback]) -> Iterator[Feedback]:
    """Yield feedback as long as it comes from one engine, depth and judge.

    Raises:
        ConfigError: If it does not.
    """
    by: str | None = None
    for row in feedback:
        if by is not None and row.by != by:
            message = (
                f"feedback of {by!r} and of {row.by!r} are not comparable: give a file of one "
                "engine, depth and judge"
            )
            raise ConfigError(message)
        by = row.by
        yield row


def read_scores(path: Path) -> dict[Key, Score | None]:
    """Read scores from a file of feedback, or of scores.

    Raises:
        ConfigError: If it is neither.
    """
    first: Any = next(read_rows(path, dict[str, msgspec.Raw]), None)
    if first is None:
        message = f"{path} holds no line: `qrm feedback` writes what an engine says of rewrites"
        raise ConfigError(message)
    if "candidates" in first:
        return scores_of(read_rows(path, Feedback))
    return {key_of(each.query, each.rewrite): each for each in read_rows(path, Score)}

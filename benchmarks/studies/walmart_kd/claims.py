"""What the paper claims of losses and of data, tested on these queries."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Final

from qrmiddleware.evaluation.comparison import ArmScores, Evaluation, compare
from qrmiddleware.evaluation.report.wording import interval_text, signed_text

_HEAD: Final = ("claim", "compared", "seeds", "difference, condensed", "queries better : worse")


@dataclass(frozen=True, slots=True)
class Claim:
    """One arm is said to be better than another.

    Attributes:
        text: Who says so and what, for people.
        better: Name of the arm.
        worse: Likewise.
    """

    text: str
    better: str
    worse: str


CLAIMS: Final = (
    Claim("margins teach more than soft labels", "towers margin", "towers soft"),
    Claim("soft labels more than hard ones", "towers soft", "towers hard"),
    Claim("margins more than each score alone", "towers margin", "towers pointwise"),
    Claim("four times the data help", "towers margin 0.25", "towers margin 0.0625"),
    Claim("and four times more again", "towers margin", "towers margin 0.25"),
    Claim("a student passes the teacher trained on judgments", "towers margin", "teacher"),
    Claim("and what it has learnt from", "towers margin", "teacher + minilm"),
    Claim("learning helps it at all", "towers margin", "minilm"),
    Claim("margins teach cross-encoders more too", "cross margin", "cross soft"),
)


def seeded(name: str, seed: int) -> str:
    """Return the name of an arm that was trained with a seed; the first has the plain name."""
    return f"{name}, seed {seed}" if seed else name


def table(found: Evaluation, measure: str) -> Iterator[str]:
    """Write what became of each claim whose arms were measured.

    Args:
        found: With the arms of all seeds.
        measure: In which arms are compared.
    """
    yield f"| {' | '.join(_HEAD)} |"
    yield "|---|---|---:|---:|---:|"
    for claim in CLAIMS:
        better, worse = (_over_seeds(found.arms, name) for name in (claim.better, claim.worse))
        if better is None or worse is None:
            continue
        (one,) = (each for each in compare([worse[0], better[0]]) if each.measure == measure)
        difference = f"{signed_text(one.difference)} ({interval_text(one)})"
        compared = f"{claim.better} against {claim.worse}"
        seeds = max(better[1], worse[1])
        yield (
            f"| {claim.text} | {compared} | {seeds} | {difference} | {one.wins} : {one.losses} |"
        )


def _over_seeds(arms: Sequence[ArmScores], name: str) -> tuple[ArmScores, int] | None:
    """Average an arm's values over its seeds, query by query; tell how many there were."""
    same = [arm for arm in arms if arm.name == name or arm.name.startswith(f"{name}, seed ")]
    if not same:
        return None
    by_query = {
        measure: {
            query: fmean(arm.by_query[measure][query] for arm in same)
            for query in same[0].by_query[measure]
        }
        for measure in same[0].by_query
    }
    means = {measure: fmean(values.values()) for measure, values in by_query.items()}
    return replace(same[0], by_query=by_query, means=means), len(same)

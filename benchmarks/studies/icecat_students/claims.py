"""What papers claim of one arm against another, tested on these queries over all seeds."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Final

from qrmiddleware.evaluation.comparison import ArmScores, Evaluation, compare
from qrmiddleware.evaluation.report.wording import interval_text, signed_text

_HEAD: Final = (
    "claim",
    "compared",
    "difference, condensed",
    "seed by seed",
    "queries better : worse",
)
_SEED: Final = ", seed "


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


def seeded(name: str, seed: int) -> str:
    """Return the name of an arm that was trained with a seed; the first has the plain name."""
    return f"{name}{_SEED}{seed}" if seed else name


def is_first_seed(arm: ArmScores) -> bool:
    """Tell whether an arm stands for all its seeds."""
    return _SEED not in arm.name


def table(found: Evaluation, claims: Sequence[Claim], measure: str) -> Iterator[str]:
    """Write what became of each claim whose arms were measured.

    Args:
        found: With the arms of all seeds.
        claims: Some.
        measure: In which arms are compared.
    """
    yield f"| {' | '.join(_HEAD)} |"
    yield "|---|---|---:|---:|---:|"
    for claim in claims:
        better, worse = (seeds_of(found, name) for name in (claim.better, claim.worse))
        if not better or not worse:
            continue
        pair = [over_seeds(worse), over_seeds(better)]
        (one,) = (each for each in compare(pair) if each.measure == measure)
        difference = f"{signed_text(one.difference)} ({interval_text(one)})"
        compared = f"{claim.better} against {claim.worse}"
        each = ", ".join(map(signed_text, _by_seed(better, worse, measure)))
        yield f"| {claim.text} | {compared} | {difference} | {each} | {one.wins} : {one.losses} |"


def seeds_of(found: Evaluation, name: str) -> list[ArmScores]:
    """Return the arms that were trained alike but for the seed, the first seed first."""
    return [arm for arm in found.arms if arm.name == name or arm.name.startswith(f"{name}{_SEED}")]


def over_seeds(arms: Sequence[ArmScores]) -> ArmScores:
    """Average the values of arms query by query; all else is the first one's."""
    by_query = {
        measure: {
            query: fmean(arm.by_query[measure][query] for arm in arms)
            for query in arms[0].by_query[measure]
        }
        for measure in arms[0].by_query
    }
    means = {measure: fmean(values.values()) for measure, values in by_query.items()}
    return replace(arms[0], by_query=by_query, means=means)


def _by_seed(
    better: Sequence[ArmScores], worse: Sequence[ArmScores], measure: str
) -> Iterator[float]:
    """Yield the differences; an arm of one seed is compared with all of the other's."""
    for number in range(max(len(better), len(worse))):
        first, second = better[number % len(better)], worse[number % len(worse)]
        yield first.means[measure] - second.means[measure]

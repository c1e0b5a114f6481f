"""What differs between two results beyond noise: the arms, the machine, or neither."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Final, Literal, TypeAlias

from qrmiddleware_benchmarks.results import ArmResult, Measurement, Result, ResultError
from qrmiddleware_benchmarks.statistics import CPU, Change, changes, rounds_of

Verdict: TypeAlias = Literal["slower", "faster", "noise", "machine", "unclear"]

CONFIDENCE: Final = 0.99
"""Of the intervals: dozens of figures are compared, and few of them may be wrong by chance."""
LEAST: Final = 0.05
"""Changes smaller than this share never count."""
JUDGED: Final = ("p50", "p90", "p95", "p99", CPU)
_MOVED: Final = {CPU: "the upstream's CPU"}
_MORE_ERRORS: Final = 0.001
_MORE_DEGRADED: Final = 0.01
"""Growth of the share of searches that fail, or go without a plugin, that is a regression."""

MEANINGS: Final = {
    "slower": "slower, by itself and beside the first arm",
    "faster": "faster, by itself and beside the first arm",
    "noise": "no difference beyond noise",
    "machine": "changed, but no more than the first arm: the machine, not the arm",
    "unclear": "the same by itself, but not beside the first arm, which has changed",
}


@dataclass(frozen=True, slots=True)
class Difference:
    """One measure of one arm in two runs.

    Attributes:
        upstream: What both stood before.
        arm: Its name.
        change: The figures.
        verdict: See ``MEANINGS``.
    """

    upstream: str
    arm: str
    change: Change
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Differences:
    """All that two results have in common, compared.

    Attributes:
        found: By upstream and arm, one for each of ``JUDGED`` that was measured.
        drifts: Measures by which the first arm itself has changed, and other changes of the
            machine; whole sentences.
        losses: Growth in errors and degraded searches; whole sentences.
        missing: What only one of them has; whole sentences.
    """

    found: tuple[Difference, ...]
    drifts: tuple[str, ...]
    losses: tuple[str, ...]
    missing: tuple[str, ...]

    @property
    def regressed(self) -> bool:
        """Whether anything is slower beyond noise, or fails more often."""
        return bool(self.losses) or any(each.verdict == "slower" for each in self.found)


def differences(
    before: Result, after: Result, *, confidence: float = CONFIDENCE, least: float = LEAST
) -> Differences:
    """Compare two results of the same scenario.

    Args:
        before: The earlier one.
        after: The later one.
        confidence: Of the intervals.
        least: Changes smaller than this share never count.

    Raises:
        ResultError: If they are not of the same scenario, or have no arm, upstream and rate in
            common.
    """
    if before.scenario != after.scenario:
        message = f"one result is of {before.scenario}, the other of {after.scenario}"
        raise ResultError(message)
    pairs = list(_pairs(before, after))
    if not pairs:
        message = (
            "the results have no upstream in common that was asked at the same rate, with the "
            "same first arm: choose --rate-hz and the other options as in the first run"
        )
        raise ResultError(message)
    found = [
        difference
        for old, new in pairs
        for difference in _compare(old, new, confidence=confidence, least=least)
    ]
    return Differences(
        found=tuple(found),
        drifts=(*_machine_changes(before, after), *_drifts(pairs, found)),
        losses=tuple(loss for old, new in pairs for loss in _losses(old, new)),
        missing=tuple(_missing(before, after, pairs)),
    )


def _pairs(before: Result, after: Result) -> Iterator[tuple[Measurement, Measurement]]:
    later = {(each.upstream, round(each.rate_hz, 3)): each for each in after.measurements}
    for old in before.measurements:
        new = later.get((old.upstream, round(old.rate_hz, 3)))
        if new is not None and new.arms[0].name == old.arms[0].name:
            yield old, new


def _compare(
    old: Measurement, new: Measurement, *, confidence: float, least: float
) -> Iterator[Difference]:
    first = (
        rounds_of(old.arms[0], yardstick=True),
        rounds_of(new.arms[0], yardstick=True),
    )
    for arm, other in _common_arms(old, new):
        yardstick = arm is old.arms[0]
        rounds = rounds_of(arm, yardstick=yardstick), rounds_of(other, yardstick=yardstick)
        runs = (first[0], rounds[0]), (first[1], rounds[1])
        for change in changes(*runs, confidence=confidence):
            if change.measure in JUDGED and isfinite(change.ratio.value):
                verdict = _machine(change, least) if yardstick else judge(change, least)
                yield Difference(old.upstream, arm.name, change, verdict)


def judge(change: Change, least: float) -> Verdict:
    """Decide what a change of an arm is.

    It counts if the arm has changed by itself and beside the first arm of the same runs, in the
    same direction, by more than ``least``. An arm alone would take a slower machine for a slower
    arm; the comparison with the first arm alone would take its noise for the arm's.
    """
    sides = (
        _side(change.ratio.low, change.ratio.high),
        _side(change.relative.low, change.relative.high),
    )
    if sides[0] == sides[1] != 0:
        large = min(abs(change.ratio.value - 1), abs(change.relative.value - 1)) > least
        return ("slower" if sides[0] > 0 else "faster") if large else "noise"
    if sides[0]:
        return "machine" if abs(change.ratio.value - 1) > least else "noise"
    return "unclear" if sides[1] and abs(change.relative.value - 1) > least else "noise"


def _machine(change: Change, least: float) -> Verdict:
    moved = change.ratio.excludes(1) and abs(change.ratio.value - 1) > least
    return "machine" if moved else "noise"


def _side(low: float, high: float) -> int:
    """Return on which side of 1 an interval lies; 0 if it holds it."""
    return (low > 1) - (high < 1)


def _common_arms(old: Measurement, new: Measurement) -> Iterator[tuple[ArmResult, ArmResult]]:
    later = {arm.name: arm for arm in new.arms}
    return ((arm, later[arm.name]) for arm in old.arms if arm.name in later)


def _drifts(
    pairs: Sequence[tuple[Measurement, Measurement]], found: Sequence[Difference]
) -> Iterator[str]:
    for old, _ in pairs:
        first = old.arms[0].name
        moved = [
            f"{_MOVED.get(each.change.measure, each.change.measure)} by "
            f"{each.change.ratio.value - 1:+.0%}"
            for each in found
            if (each.upstream, each.arm, each.verdict) == (old.upstream, first, "machine")
        ]
        if moved:
            yield (
                f"The machine itself changed between the runs: {first}, with nothing of ours in "
                f"the way, moved in {', '.join(moved)} ({old.upstream})."
            )


def _machine_changes(before: Result, after: Result) -> Iterator[str]:
    old, new = before.machine, after.machine
    named = (
        ("CPU", old.cpu, new.cpu),
        ("number of cores", old.cores, new.cores),
        ("memory", f"{old.memory_gib:g} GiB", f"{new.memory_gib:g} GiB"),
        ("system", old.system, new.system),
    )
    for name, was, now in named:
        if was != now:
            yield f"The {name} was {was} and is {now}: the runs are of different machines."
    for name in sorted(old.versions.keys() & new.versions.keys()):
        if old.versions[name] != new.versions[name]:
            yield f"{name} was {old.versions[name]} and is {new.versions[name]}."
    if before.course != after.course:
        yield "The runs were not made with the same options (rounds, slices, arrivals, ...)."


def _losses(old: Measurement, new: Measurement) -> Iterator[str]:
    for was, now in _common_arms(old, new):
        failed = was.errors / max(1, was.sent), now.errors / max(1, now.sent)
        if failed[1] > failed[0] + _MORE_ERRORS:
            yield (
                f"{was.name} fails more often: {failed[1]:.1%} of searches, {failed[0]:.1%} before."
            )
        degraded = was.degraded_share, now.degraded_share
        if degraded[1] > degraded[0] + _MORE_DEGRADED:
            yield (
                f"{was.name} goes without a plugin more often: {degraded[1]:.1%} of searches, "
                f"{degraded[0]:.1%} before."
            )


def _missing(
    before: Result, after: Result, pairs: Sequence[tuple[Measurement, Measurement]]
) -> Iterator[str]:
    for number, result in enumerate((before, after)):
        which = "first" if number == 0 else "second"
        compared = [pair[number] for pair in pairs]
        for each in result.measurements:
            if each not in compared:
                yield f"Only in the {which}: {each.upstream} at {each.rate_hz:g} searches/s."
        for pair in pairs:
            others = {arm.name for arm in pair[1 - number].arms}
            for arm in pair[number].arms:
                if arm.name not in others:
                    yield f"Only in the {which}: {arm.name}."

"""What all reports say alike: figures, grades, verdicts, warnings; and what none may tell."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import isnan
from types import MappingProxyType
from typing import Final

from qrmiddleware.evaluation.comparison import ArmScores, Difference, Evaluation
from qrmiddleware.evaluation.measures import CONDENSED, JUDGED, LOWER_IS_BETTER, NDCG
from qrmiddleware.evaluation.rewriting import mean_value

NONE: Final = "\N{EN DASH}"
MINUS: Final = "\N{MINUS SIGN}"
LOW_JUDGED: Final = 0.9
"""Below this share of judged hits, raw nDCG says more of the pool than of the arm."""
POOL_COMMAND: Final = "qrm eval pool"
POOL_ADVICE: Final = "writes the unjudged hits to a file for judging."
JUDGED_APART: Final = 0.02
"""Arms whose shares of judged hits are farther apart are not measured alike by raw nDCG."""

MEANINGS: Final[Mapping[str, str]] = MappingProxyType(
    {
        NDCG: "gain of the first ten hits, discounted by rank, as a share of the best possible; "
        "an unjudged hit counts as irrelevant",
        CONDENSED: "the same after unjudged hits are taken out of the ranking: what is judged is "
        "compared, what is not is ignored",
        JUDGED: "share of the first ten hits that are judged: how far raw nDCG can be trusted",
        "P@10": "share of the first ten places with a relevant hit",
        "RR": "1 / rank of the first relevant hit; 0 if there is none",
        "R@100": "share of the known relevant documents among the first 100 hits",
        "R@1000": "the same among the first 1,000",
        "bpref": "how rarely a judged irrelevant hit stands above a relevant one; unjudged hits "
        "are ignored",
        "nothing found": "share of queries without any hit; lower is better",
    }
)

_USERINFO: Final = re.compile(r"(?<=://)[^\s/@]+@")
_SECRET: Final = re.compile(
    r"\b((?:proxy-)?authorization|(?:x-)?api-?key)(\s*[:=]\s*)[^,;\n]+", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a comparison says in a word and a sentence.

    Attributes:
        word: ``"better"``, ``"worse"`` or ``"not told apart"``.
        sentence: With the figures.
    """

    word: str
    sentence: str


def without_secrets(evaluation: Evaluation) -> Evaluation:
    """Take passwords and keys out of what was asked and where."""
    arms = tuple(
        replace(arm, run=replace(arm.run, asked=_without_secrets(arm.run.asked)))
        for arm in evaluation.arms
    )
    environment = {key: _without_secrets(value) for key, value in evaluation.environment.items()}
    return replace(evaluation, arms=arms, environment=environment)


def _without_secrets(told: str) -> str:
    return _SECRET.sub(r"\1\2…", _USERINFO.sub("", told))


def main_measure(evaluation: Evaluation, wish: str = "") -> str:
    """Choose what plots and lists of queries go by: condensed nDCG if nobody wishes otherwise.

    Raises:
        ValueError: If what is wished for was not measured.
    """
    measured = list(evaluation.arms[0].means) if evaluation.arms else []
    if wish and wish not in measured:
        message = f"{wish!r} was not measured; choose {', '.join(measured) or 'nothing'}"
        raise ValueError(message)
    if wish or CONDENSED in measured:
        return wish or CONDENSED
    return measured[0] if measured else ""


def difference_of(evaluation: Evaluation, arm: ArmScores, measure: str) -> Difference | None:
    """Return an arm's difference from the first in one measure; ``None`` for the first arm."""
    found = (d for d in evaluation.differences if (d.arm, d.measure) == (arm.name, measure))
    return next(found, None)


def value_text(value: float) -> str:
    """Write a measure's value."""
    return NONE if isnan(value) else f"{value:.3f}"


def signed_text(value: float, *, digits: int = 3) -> str:
    """Write a difference, with a true minus."""
    if isnan(value):
        return NONE
    shown = f"{value:+.{digits}f}".replace("-", MINUS)
    return shown[1:] if float(shown[1:]) == 0 else shown


def interval_text(difference: Difference) -> str:
    """Write a difference's interval."""
    if isnan(difference.low):
        return NONE
    return f"{signed_text(difference.low)} to {signed_text(difference.high)}"


def p_text(p_value: float) -> str:
    """Write a p-value."""
    if isnan(p_value):
        return NONE
    return "< 0.001" if p_value < 0.001 else f"{p_value:.3f}"  # noqa: PLR2004 third digit


def brought(arm: ArmScores) -> dict[str, str]:
    """Sum up what an arm's rewrites brought, by name; empty if it does not say that it rewrote."""
    yields = arm.attribution
    if not yields:
        return {}
    value = mean_value([each.value for each in yields if each.value is not None])
    rate = None if value is None else value.hit_rate
    return {
        "rewrites": str(len(yields)),
        "queries": str(len({each.query_id for each in yields})),
        "hits only they found": str(sum(len(each.alone) for each in yields)),
        "relevant": str(sum(each.relevant for each in yields)),
        "irrelevant": str(sum(each.irrelevant for each in yields)),
        "unjudged": str(sum(each.unjudged for each in yields)),
        "relevance share": "" if value is None else value_text(value.relevance),
        "increment": "" if value is None else value_text(value.increment),
        "increment, union": "" if value is None else value_text(value.increment_union),
        "hit rate": "" if rate is None else value_text(rate),
    }


def latency_text(latency_ms: Mapping[str, float]) -> str:
    """Write latency percentiles."""
    shown = (f"{name} {latency_ms[name]:,.1f} ms" for name in ("p50", "p95", "p99"))
    return ", ".join(shown) if latency_ms else "not timed"


def is_better(difference: Difference) -> bool | None:
    """Tell whether an arm is better than the first; ``None`` if the interval holds both."""
    if isnan(difference.low) or difference.low <= 0 <= difference.high:
        return None
    return (difference.difference > 0) != (difference.measure in LOWER_IS_BETTER)


def verdict(difference: Difference, baseline: str) -> Verdict:
    """Say what a comparison shows, with its figures."""
    words = {True: "better", False: "worse", None: "not told apart"}
    word = words[is_better(difference)]
    first = (
        f"“{difference.arm}” and “{baseline}” cannot be told apart"
        if word == "not told apart"
        else f"“{difference.arm}” is {word} than “{baseline}”"
    )
    sentence = (
        f"{first}: {difference.measure} {value_text(difference.value)} against "
        f"{value_text(difference.baseline)}, difference {signed_text(difference.difference)} "
        f"(95 % interval {interval_text(difference)}); better for {_queries(difference.wins)}, "
        f"the same for {difference.ties}, worse for {difference.losses}."
    )
    return Verdict(word, sentence)


def _queries(count: int) -> str:
    return "1 query" if count == 1 else f"{count} queries"


def judged_warning(evaluation: Evaluation) -> str:
    """Say that few of the first hits are judged, or not the same share for all arms; else empty."""
    shares = {arm.name: arm.means[JUDGED] for arm in evaluation.arms if JUDGED in arm.means}
    if not shares:
        return ""
    low = min(shares.values()) < LOW_JUDGED
    apart = max(shares.values()) - min(shares.values()) > JUDGED_APART
    if not (low or apart):
        return ""
    listed = ", ".join(f"{share:.0%} for “{name}”" for name, share in shares.items())
    what = "is low and differs between the arms" if low and apart else ""
    what = what or ("is low" if low else "differs between the arms")
    return (
        f"The share of judged hits among the first ten {what} ({listed}): raw nDCG counts an "
        "unjudged hit as irrelevant, which punishes an arm for finding what nobody has looked at, "
        "and condensed nDCG ignores such hits, so the truth lies between the two."
    )


def grade_dots(relevance: int | None, highest: int) -> str:
    """Show a grade as dots out of the highest; ``?`` for unjudged, a figure for long scales."""
    if relevance is None:
        return "?"
    if highest > 5:  # noqa: PLR2004 more dots cannot be counted at a glance
        return str(relevance)
    filled = min(max(relevance, 0), highest)
    return "●" * filled + "○" * (highest - filled)


def highest_grade(evaluation: Evaluation) -> int:
    """Return the end of the collection's scale."""
    return max(evaluation.judged.gains, default=1)

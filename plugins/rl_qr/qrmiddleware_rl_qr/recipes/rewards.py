"""What a rewrite is worth to online learning, in several respects.

Source: MiniELM, arXiv:2501.18056, as others tell of it: relevance, diversity, simulated feedback.
Increment and hit rate are BEQUE's, arXiv:2311.03758. Weights, scales and guards are our reading.
"""

import math
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, fields
from statistics import fmean
from typing import Final

import msgspec

from qrmiddleware.distill.splits import normalised_query
from qrmiddleware.errors import ConfigError
from qrmiddleware.evaluation.rewriting import hit_rate, increment
from qrmiddleware_rl_qr.recipes.guarding import Limits, result_objection, text_objection
from qrmiddleware_rl_qr.recipes.judges import FeedbackJudge, Opinion, Shown
from qrmiddleware_rl_qr.recipes.searching import Hit, Relevance, Search

FAILED: Final = "search failed"
_RELEVANT: Final = 0.5


class Components(msgspec.Struct, frozen=True, omit_defaults=True):
    """Of one rewrite, 0..1 each; ``None`` where it could not be measured.

    Attributes:
        relevance: Mean relevance of what it finds to the query as typed.
        increment: What it finds that is relevant and new, by what the query found of relevant:
            x / (1 + x), so that many new hits are worth more, and never above 1.
        diversity: Share of what it finds that the query did not.
        feedback: What a judge says who looks at it.
        hit_rate: Share of what users got elsewhere that query and rewrite find together.
    """

    relevance: float | None = None
    increment: float | None = None
    diversity: float | None = None
    feedback: float | None = None
    hit_rate: float | None = None

    def told(self) -> dict[str, float]:
        """Return what was measured, by name."""
        values = ((name, getattr(self, name)) for name in NAMES)
        return {name: value for name, value in values if value is not None}


NAMES: Final = Components.__struct_fields__


@dataclass(frozen=True, slots=True)
class Weights:
    """What each component weighs; one of 0 is not measured.

    Raises:
        ConfigError: If none weighs anything, or one weighs less than 0.
    """

    relevance: float = 1.0
    increment: float = 1.0
    diversity: float = 0.25
    feedback: float = 1.0
    hit_rate: float = 0.0

    def __post_init__(self) -> None:
        weighed = self.by_name()
        if min(weighed.values()) < 0 or not any(weighed.values()):
            message = "weights of rewards: at least one above 0, and none below"
            raise ConfigError(message)

    def by_name(self) -> dict[str, float]:
        """Return them by the component's name."""
        return {each.name: getattr(self, each.name) for each in fields(self)}

    def total(self, told: Mapping[str, float], names: Collection[str]) -> float | None:
        """Return the mean of some components by weights; ``None`` if none of them weighs."""
        weighed = {name: weight for name, weight in self.by_name().items() if name in names}
        whole = math.fsum(weighed.values())
        if not whole:
            return None
        return math.fsum(weight * told[name] for name, weight in weighed.items()) / whole


class Rewarded(msgspec.Struct, frozen=True, omit_defaults=True):
    """A rewrite and what it is worth.

    Attributes:
        rewrite: The wording.
        reward: 0..1; 0 of what a guard refuses, ``None`` where its search failed.
        components: What the reward is made of.
        refused: The guard's reason.
    """

    rewrite: str
    reward: float | None = None
    components: Components = Components()
    refused: str = ""


class RewardedQuery(msgspec.Struct, frozen=True, omit_defaults=True):
    """A query and its rewrites, each once; a line of a round's file of rewards.

    Attributes:
        query: As typed.
        rewrites: In the order in which they were proposed.
        problem: Why none has a reward.
    """

    query: str
    rewrites: tuple[Rewarded, ...]
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Proposed:
    """A query and the rewrites that are proposed for it."""

    query: str
    rewrites: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Rewarder:
    """Searches for rewrites and says what they are worth.

    Attributes:
        search: Asked for each text once a call.
        relevance: Of a hit to a query.
        weights: Of the components.
        limits: Of the guards.
        judge: Gives feedback; nothing of it counts if ``None``.
        shown: How many hits it looks at.
        elsewhere: What users of a query got without searching, by ``normalised_query``.
        guard: Says why a rewrite is not even searched for; a reason, or nothing.
    """

    search: Search
    relevance: Relevance
    weights: Weights = field(default_factory=Weights)
    limits: Limits = field(default_factory=Limits)
    judge: FeedbackJudge | None = None
    shown: int = 5
    elsewhere: Mapping[str, AbstractSet[str]] = field(default_factory=dict)
    guard: Callable[[str, str, Limits], str] = text_objection

    def reward(self, proposed: Sequence[Proposed]) -> tuple[list[RewardedQuery], Counter[str]]:
        """Reward rewrites.

        Where a component could not be measured for one rewrite of a query, it counts for none of
        that query: their rewards are compared, and would be means of different things.

        Returns:
            In the order of the queries; and what was dropped, by component and reason.

        Raises:
            UpstreamError: If no search was answered.
        """
        refused = {
            (each.query, rewrite): self.guard(each.query, rewrite, self.limits)
            for each in proposed
            for rewrite in each.rewrites
        }
        found = self._searched(proposed, refused)
        measured = [self._measured(each, refused, found) for each in proposed]
        opinions = self._opinions(measured, found)
        dropped: Counter[str] = Counter()
        return [self._rewarded(each, opinions, dropped) for each in measured], dropped

    def _searched(
        self, proposed: Sequence[Proposed], refused: Mapping[tuple[str, str], str]
    ) -> Mapping[str, Sequence[Hit] | None]:
        texts = dict.fromkeys(each.query for each in proposed)
        texts.update(dict.fromkeys(text for (_, text), reason in refused.items() if not reason))
        return dict(zip(texts, self.search(list(texts)), strict=True)) if texts else {}

    def _measured(
        self,
        each: Proposed,
        refused: Mapping[tuple[str, str], str],
        found: Mapping[str, Sequence[Hit] | None],
    ) -> RewardedQuery:
        before = found[each.query]
        if before is None:
            return RewardedQuery(each.query, tuple(map(Rewarded, each.rewrites)), FAILED)
        rewrites: list[Rewarded] = []
        for text in each.rewrites:
            reason = refused[each.query, text]
            hits = None if reason else found[text]
            if hits is None:
                rewrites.append(Rewarded(text, 0.0 if reason else None, refused=reason))
            else:
                rewrites.append(self._value(each.query, text, before, hits))
        return RewardedQuery(each.query, tuple(rewrites))

    def _value(
        self, query: str, rewrite: str, before: Sequence[Hit], hits: Sequence[Hit]
    ) -> Rewarded:
        """Measure all but the feedback."""
        first, second = ({hit.doc_id for hit in each} for each in (before, hits))
        every = tuple({hit.doc_id: hit for hit in (*hits, *before)}.values())
        scores = self.relevance.scores(query, every)
        new = len(second - first) / len(second) if second else 0.0
        if scores is None:
            reason = result_objection(first, second, None, self.limits)
            return Rewarded(rewrite, 0.0, Components(diversity=new), reason)
        told = {hit.doc_id: score for hit, score in zip(every, scores, strict=True)}
        relevant = {doc_id for doc_id, score in told.items() if score >= _RELEVANT}
        relevance = fmean(told[doc_id] for doc_id in second) if second else 0.0
        gained = increment(first, second, relevant)
        elsewhere = self.elsewhere.get(normalised_query(query), frozenset())
        components = Components(
            relevance,
            gained / (1 + gained),
            new,
            hit_rate=hit_rate(first, second, elsewhere, elsewhere),
        )
        reason = result_objection(first, second, relevance, self.limits)
        return Rewarded(rewrite, 0.0, components, reason)

    def _opinions(
        self, measured: Iterable[RewardedQuery], found: Mapping[str, Sequence[Hit] | None]
    ) -> Mapping[tuple[str, str], Opinion | None]:
        """Have a judge look at what no guard refused."""
        if self.judge is None or not self.weights.feedback:
            return {}
        asked = [
            Shown(each.query, one.rewrite, tuple((found[one.rewrite] or ())[: self.shown]))
            for each in measured
            for one in each.rewrites
            if one.reward is not None and not one.refused
        ]
        told = self.judge.judge(asked)
        return {(s.query, s.rewrite): said for s, said in zip(asked, told, strict=True)}

    def _rewarded(
        self,
        each: RewardedQuery,
        opinions: Mapping[tuple[str, str], Opinion | None],
        dropped: Counter[str],
    ) -> RewardedQuery:
        """Put the feedback in, and weigh."""
        known = [_with_feedback(each.query, one, opinions) for one in each.rewrites]
        open_ones = [one for one in known if one.reward is not None and not one.refused]
        names = _shared_names(open_ones)
        wanted = {name for name, weight in self.weights.by_name().items() if weight}
        if self.judge is None:
            wanted.discard("feedback")
        if open_ones:
            dropped.update(f"{name}: not measured" for name in wanted - names)
        dropped.update(one.refused for one in known if one.refused)
        dropped.update(FAILED for one in known if one.reward is None)
        return RewardedQuery(
            each.query, tuple(_weighed(one, self.weights, names) for one in known), each.problem
        )


def _with_feedback(
    query: str, one: Rewarded, opinions: Mapping[tuple[str, str], Opinion | None]
) -> Rewarded:
    opinion = opinions.get((query, one.rewrite))
    if opinion is None:
        return one
    components = msgspec.structs.replace(one.components, feedback=opinion.value)
    return msgspec.structs.replace(one, components=components)


def _shared_names(rewarded: Sequence[Rewarded]) -> set[str]:
    """Return the components that all have."""
    return (
        set.intersection(*(set(one.components.told()) for one in rewarded)) if rewarded else set()
    )


def _weighed(one: Rewarded, weights: Weights, names: Collection[str]) -> Rewarded:
    if one.reward is None or one.refused:
        return one
    return msgspec.structs.replace(one, reward=weights.total(one.components.told(), names))


def mean_reward(rewarded: Iterable[RewardedQuery]) -> float | None:
    """Return the mean over queries of their rewrites' mean; ``None`` if there is none.

    A query without a rewrite counts 0: nothing was gained for it. One that could not be searched
    does not count.
    """
    means = []
    for each in rewarded:
        known = [one.reward for one in each.rewrites if one.reward is not None]
        if known or not (each.rewrites or each.problem):
            means.append(fmean(known) if known else 0.0)
    return fmean(means) if means else None


def mean_components(rewarded: Iterable[RewardedQuery]) -> dict[str, float]:
    """Return the mean of each component over all rewrites that have it."""
    told = [one.components.told() for each in rewarded for one in each.rewrites]
    return {
        name: fmean(values)
        for name in NAMES
        if (values := [each[name] for each in told if name in each])
    }

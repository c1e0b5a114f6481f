"""From what the engine returned to the page that is answered: pure functions on hits."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import accumulate
from math import inf

from qrmiddleware.dsl.reply import ReplyHit, SearchReply
from qrmiddleware.pipeline import fusion
from qrmiddleware.pipeline.plan import FUSED, Plan


def fetched_ranking(
    plan: Plan, first: Sequence[SearchReply], second: Sequence[SearchReply]
) -> tuple[ReplyHit, ...]:
    """Return the hits from place ``plan.start`` of the ranking on, best first.

    Args:
        plan: The search.
        first: Replies of the first trip, in the order of its searches.
        second: Those of the second trip, if there was one.
    """
    merge = plan.options.merge
    match plan.policy:
        case "rrf" | "linear":
            rankings = [reply.hits for reply in first[:-1]]
            weights = [wording.boost for wording in plan.wordings]
            if plan.policy == "rrf":
                fused = fusion.rrf(rankings, weights, rank_constant=merge.rank_constant)
            else:
                fused = fusion.linear(rankings, weights)
            return _with_tail(fused[: plan.options.rank_window_size], first[-1].hits)
        case "quota":
            own = tuple(replace(hit, wordings=(0,)) for hit in first[0].hits)
            return fusion.quota(own, first[1].hits, places=merge.places, per=merge.per)
        case "append" if second:
            return _appended(first[0].hits, [reply.hits for reply in second[:-1]])
        case _:
            return first[0].hits


def envelope_of(
    plan: Plan, first: Sequence[SearchReply], second: Sequence[SearchReply]
) -> SearchReply:
    """Return the reply whose total, facets and all else are answered with."""
    if plan.policy in FUSED:
        return first[-1]
    return second[-1] if second else first[0]


def combined_rewards(
    rewards: Mapping[str, Sequence[float]],
    scores: Sequence[float],
    weights: Mapping[str, float],
    *,
    engine_weight: float = 0.0,
) -> tuple[float, ...]:
    """Add several plugins' rewards up, each normalised to 0..1 by min-max over the window.

    Args:
        rewards: One sequence a plugin; each of shape (window,).
        scores: The engine's scores, same shape.
        weights: Weight of each plugin.
        engine_weight: Weight of the engine's scores, normalised in the same way.
    """
    total = [engine_weight * value for value in fusion.min_max(scores)]
    for name, values in rewards.items():
        weight = weights.get(name, 1.0)
        total = [
            so_far + weight * value
            for so_far, value in zip(total, fusion.min_max(values), strict=True)
        ]
    return tuple(total)


def rerank(hits: Sequence[ReplyHit], rewards: Sequence[float]) -> tuple[ReplyHit, ...]:
    """Order hits by reward, best first; ties keep the engine's order.

    Raises:
        ValueError: If there is not one reward per hit.
    """
    if len(rewards) != len(hits):
        problem = f"{len(rewards)} rewards for {len(hits)} hits"
        raise ValueError(problem)
    order = sorted(range(len(hits)), key=lambda place: -rewards[place])
    return tuple(hits[place] for place in order)


def falling(scores: Sequence[float]) -> tuple[float, ...]:
    """Return scores to show down a page: never below 0, never rising."""
    return tuple(accumulate((max(0.0, score) for score in scores), min))


def window_scores(before: Sequence[ReplyHit], window: int) -> tuple[float, ...]:
    """Return the scores to show when the hits of a window have changed places.

    The places keep their scores, whoever stands there: best first inside the window, and
    no score behind it is above them.
    """
    scores = [hit.score for hit in before]
    return falling([*sorted(scores[:window], reverse=True), *scores[window:]])


def _appended(page: Sequence[ReplyHit], more: Sequence[Sequence[ReplyHit]]) -> tuple[ReplyHit, ...]:
    """Put what only rewrites found behind the user's own hits, and score it no higher.

    Args:
        page: The user's own hits from the page's start on.
        more: The last of them, if it stands before the page; and what rewrites found.
    """
    *before, found = more
    own = tuple(replace(hit, wordings=(0,)) for hit in page)
    above = [hit.score for hits in (*before, own) for hit in hits]
    ceiling = min(above, default=inf)
    return (*own, *(replace(hit, score=min(hit.score, ceiling)) for hit in found))


def _with_tail(window: Sequence[ReplyHit], union: Sequence[ReplyHit]) -> tuple[ReplyHit, ...]:
    """Put the union's own order behind a fused window, without what the window holds."""
    shown = {hit.key for hit in window}
    return (*window, *(hit for hit in union if hit.key not in shown))

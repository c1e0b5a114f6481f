"""One ranking out of several: pure functions on hits."""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace

from qrmiddleware.dsl.reply import ReplyHit

Ranking = Sequence[ReplyHit]


def rrf(
    rankings: Sequence[Ranking], weights: Sequence[float], *, rank_constant: int
) -> tuple[ReplyHit, ...]:
    """Fuse by reciprocal rank: a hit scores the sum of weight / (rank_constant + rank).

    Args:
        rankings: One per wording, best first.
        weights: One per ranking.
        rank_constant: The larger, the less the first ranks stand out.

    Returns:
        Every document once, best first; ties in the order of ``rankings``.

    Source: Cormack et al. 2009, "Reciprocal rank fusion outperforms Condorcet".
    """
    return _fused(
        rankings,
        weights,
        lambda ranking: [1 / (rank_constant + rank) for rank in range(1, len(ranking) + 1)],
    )


def linear(rankings: Sequence[Ranking], weights: Sequence[float]) -> tuple[ReplyHit, ...]:
    """Fuse by the weighted sum of scores, each ranking's normalised to 0..1 by min-max.

    Args:
        rankings: One per wording, best first.
        weights: One per ranking.

    Returns:
        Every document once, best first; ties in the order of ``rankings``.
    """
    return _fused(rankings, weights, lambda ranking: min_max([hit.score for hit in ranking]))


def quota(first: Ranking, second: Ranking, *, places: int, per: int) -> tuple[ReplyHit, ...]:
    """Interleave: of every ``per`` places the last ``places`` go to ``second``.

    Where one ranking has run out the other fills its places.

    Args:
        first: The user's own wording's hits, best first.
        second: Other documents, best first.
        places: Places for ``second`` out of every ``per``.
        per: Length of a block.
    """
    left, right = deque(first), deque(second)
    ranked: list[ReplyHit] = []
    for place in range(len(first) + len(second)):
        reserved = place % per >= per - places
        source = right if right and (reserved or not left) else left
        ranked.append(source.popleft())
    return tuple(ranked)


def min_max(scores: Sequence[float]) -> list[float]:
    """Normalise to 0..1; equal scores, as they say nothing, all become 1."""
    if not scores:
        return []
    low, high = min(scores), max(scores)
    if high == low:
        return [1.0] * len(scores)
    return [(score - low) / (high - low) for score in scores]


def _fused(
    rankings: Sequence[Ranking],
    weights: Sequence[float],
    points_of: Callable[[Ranking], Sequence[float]],
) -> tuple[ReplyHit, ...]:
    hits: dict[tuple[str, str], ReplyHit] = {}
    points: dict[tuple[str, str], float] = {}
    found_by: dict[tuple[str, str], list[int]] = {}
    for position, (ranking, weight) in enumerate(zip(rankings, weights, strict=True)):
        for hit, point in zip(ranking, points_of(ranking), strict=True):
            hits.setdefault(hit.key, hit)
            points[hit.key] = points.get(hit.key, 0.0) + weight * point
            found_by.setdefault(hit.key, []).append(position)
    order = sorted(hits, key=lambda key: -points[key])
    return tuple(
        replace(hits[key], score=points[key], wordings=tuple(found_by[key])) for key in order
    )

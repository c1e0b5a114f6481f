"""Seeded chance from ``random()`` alone: the one sequence that Python promises to keep."""

import math
import random
from collections.abc import Iterable, Sequence
from typing import TypeVar

T = TypeVar("T")


def dice(*seeds: object) -> random.Random:
    """Return a generator that any change of a seed changes altogether, on every platform."""
    return random.Random("\x1f".join(map(str, seeds)))  # noqa: S311 - repeatable on purpose


def below(limit: int, rng: random.Random) -> int:
    """Return an integer from 0 to ``limit`` - 1."""
    return int(rng.random() * limit)


def shuffled(values: Iterable[T], rng: random.Random) -> list[T]:
    """Return the values in a random order."""
    return [value for _, _, value in sorted((rng.random(), n, v) for n, v in enumerate(values))]


def sampled(values: Sequence[T], count: int, rng: random.Random) -> list[T]:
    """Return ``count`` different values in the order in which they came, or all if there are fewer.

    Takes time in ``count``, not in the number of values.
    """
    size = len(values)
    if count >= size:
        return list(values)
    places: set[int] = set()
    for last in range(size - count, size):  # Floyd's method: `count` draws, none in vain
        place = below(last + 1, rng)
        places.add(last if place in places else place)
    return [values[place] for place in sorted(places)]


def weighted(
    values: Sequence[T], weights: Sequence[float], count: int, rng: random.Random
) -> list[T]:
    """Draw ``count`` different values, likelier the more they weigh, in the order of the draws.

    Values that weigh nothing are never drawn.

    Source: Efraimidis and Spirakis 2006, weighted sampling without replacement.
    """
    keys = [
        (math.log(1.0 - rng.random()) / weight, n) for n, weight in enumerate(weights) if weight > 0
    ]
    return [values[n] for _, n in sorted(keys, reverse=True)[:count]]

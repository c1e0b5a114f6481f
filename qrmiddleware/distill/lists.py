"""Whole lists of queries' products as training batches: seeded, resumable, balanced."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from random import Random
from typing import TypeVar

from qrmiddleware.distill.chance import below, dice, shuffled

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Candidate:
    """One product of a query's list.

    Attributes:
        target: What is to be learnt: a teacher's logit or probability, or a label's share of
            relevance.
    """

    doc_id: str
    target: float


@dataclass(frozen=True, slots=True)
class QueryList:
    """A query and the products that it is compared over.

    Attributes:
        judged: The targets are labels ("hard"), not a teacher's answers ("soft").
    """

    query: str
    candidates: tuple[Candidate, ...]
    judged: bool = False


@dataclass(frozen=True, slots=True)
class Position:
    """Where in its batches a training stands: all that a resumed run needs to know."""

    epoch: int = 0
    batch: int = 0


START = Position()


@dataclass(frozen=True, slots=True)
class Sampling:
    """How lists become batches.

    Attributes:
        queries: Lists in a batch; an epoch's last batch may have fewer.
        hits: Products of a list at most. Of a longer one each epoch takes others, spread
            over its targets so that large and small margins both occur.
        judged_share: Share of judged lists in every batch, 0..1; there are far fewer of them, so
            they come back within an epoch. ``None`` takes every list once an epoch.
    """

    queries: int
    hits: int
    seed: int
    judged_share: float | None = None

    def __post_init__(self) -> None:
        if self.queries < 1 or self.hits < 1:
            message = f"{self.queries} queries and {self.hits} hits a batch: at least 1 of each"
            raise ValueError(message)
        if self.judged_share is not None and not 0 <= self.judged_share <= 1:
            message = f"judged_share is {self.judged_share}: a share is within 0..1"
            raise ValueError(message)


def batches(
    lists: Sequence[QueryList], sampling: Sampling, *, start: Position = START
) -> Iterator[tuple[tuple[QueryList, ...], Position]]:
    """Yield batches without end, each with the position to start from after it.

    The same lists, sampling and start give the same batches: a run that saves the position with
    its weights goes on as if it had never stopped.

    Raises:
        ValueError: If there are no lists.
    """
    position = start
    while True:
        epoch = epoch_batches(lists, sampling, epoch=position.epoch)
        for number in range(position.batch, len(epoch)):
            last = number + 1 == len(epoch)
            after = Position(position.epoch + 1) if last else Position(position.epoch, number + 1)
            yield epoch[number], after
        position = Position(position.epoch + 1)


def epoch_batches(
    lists: Sequence[QueryList], sampling: Sampling, *, epoch: int
) -> list[tuple[QueryList, ...]]:
    """Return all batches of an epoch.

    Raises:
        ValueError: If there are no lists, or none of a kind that ``judged_share`` asks for.
    """
    if not lists:
        message = "there are no lists to train on"
        raise ValueError(message)
    rng = dice(sampling.seed, epoch)
    share = sampling.judged_share
    groups = _in_one_order(lists, sampling, rng)
    if share is not None:
        groups = _balanced(lists, sampling, share, rng)
    return [tuple(shorten(item, sampling.hits, rng) for item in group) for group in groups]


def own_share(batch: tuple[T, ...], *, process: int, processes: int) -> tuple[T, ...]:
    """Take what one of several training processes works on; at least one item.

    Where a last batch has fewer items than there are processes, some are taken twice: a process
    without any would leave the others waiting for its gradients.
    """
    return batch[process::processes] or (batch[process % len(batch)],)


def shorten(item: QueryList, hits: int, rng: Random) -> QueryList:
    """Take ``hits`` products spread over the targets: one of each equal part of their order."""
    count = len(item.candidates)
    if count <= hits:
        return item
    ordered = sorted(item.candidates, key=lambda candidate: -candidate.target)
    edges = [count * part // hits for part in range(hits + 1)]
    kept = tuple(ordered[low + below(high - low, rng)] for low, high in pairwise(edges))
    return QueryList(item.query, kept, item.judged)


def _in_one_order(
    lists: Sequence[QueryList], sampling: Sampling, rng: Random
) -> list[list[QueryList]]:
    order = shuffled(lists, rng)
    return [order[n : n + sampling.queries] for n in range(0, len(order), sampling.queries)]


def _balanced(
    lists: Sequence[QueryList], sampling: Sampling, share: float, rng: Random
) -> list[list[QueryList]]:
    """Give every batch its share of judged lists; each kind is taken once, or comes back."""
    judged = [item for item in lists if item.judged]
    soft = [item for item in lists if not item.judged]
    wanted = math.floor(sampling.queries * share + 0.5)
    rest = sampling.queries - wanted
    if (wanted and not judged) or (rest and not soft):
        message = (
            f"judged_share {share} asks for {wanted} judged and {rest} other lists a batch; there"
            f" are {len(judged)} judged and {len(soft)} other lists"
        )
        raise ValueError(message)
    count = math.ceil(len(soft) / rest) if rest else math.ceil(len(judged) / wanted)
    first = _again(judged, count * wanted, rng) if wanted else []
    second = _again(soft, count * rest, rng) if rest else []
    return [
        first[n * wanted : (n + 1) * wanted] + second[n * rest : (n + 1) * rest]
        for n in range(count)
    ]


def _again(lists: Sequence[QueryList], count: int, rng: Random) -> list[QueryList]:
    """Repeat shuffled lists until there are ``count``."""
    found: list[QueryList] = []
    while len(found) < count:
        found += shuffled(lists, rng)
    return found[:count]

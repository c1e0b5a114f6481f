"""Has a teacher label what is not labelled yet, and counts what came of it."""

from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

from qrmiddleware.distill.label_store import LabelStore
from qrmiddleware.distill.labels import (
    Label,
    LabellingError,
    Outcome,
    Pair,
    StoppedError,
    Teacher,
    Unlabelled,
)

_EXAMPLES: Final = 3


@dataclass(frozen=True, slots=True)
class FailureLimit:
    """When a run is given up because too many pairs stay without a label.

    At the end of a run pairs that are known from before count as well, so that the few that no run
    can label do not fail the next one. On the way it is given up when the share is exceeded in this
    run, and a tenth of it with what is known.

    Attributes:
        share: Of pairs that may stay without a label; 1 for no limit.
        floor: Outcomes of a run before it is given up on the way.
    """

    share: float = 0.2
    floor: int = 20


@dataclass(slots=True)
class Tally:
    """What a run has done so far; it is filled while the run goes on.

    Attributes:
        known: Pairs that the store had a label of.
        repeated: Pairs that were given more than once.
        labelled: Pairs that got a label now.
        failures: Pairs that did not, by reason.
        examples: Some of them.
        prompt_tokens: Of labels and failures of this run.
        completion_tokens: Likewise.
        unread: Answers that could not be read, of pairs with and without a label.
        stopped: Which limit ended the run; empty if none did.
    """

    known: int = 0
    repeated: int = 0
    labelled: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    examples: list[Unlabelled] = field(default_factory=list)
    prompt_tokens: int = 0
    completion_tokens: int = 0
    unread: int = 0
    stopped: str = ""

    @property
    def failed(self) -> int:
        """Pairs that were asked about and got no label."""
        return self.failures.total()

    def count(self, outcome: Outcome) -> None:
        """Take account of an outcome."""
        self.prompt_tokens += outcome.prompt_tokens
        self.completion_tokens += outcome.completion_tokens
        self.unread += outcome.unread
        if isinstance(outcome, Label):
            self.labelled += 1
            return
        if self.failures[outcome.reason] < _EXAMPLES:
            self.examples.append(outcome)
        self.failures[outcome.reason] += 1

    def common_failures(self) -> list[tuple[str, int]]:
        """Return reasons with their counts, the most frequent first, whatever came in first."""
        return sorted(self.failures.items(), key=lambda each: (-each[1], each[0]))

    def describe_failures(self) -> str:
        """Name the reasons with their counts, and an example of each."""
        common = self.common_failures()
        counts = ", ".join(f"{reason} {count:,}" for reason, count in common)
        first = {each.reason: each for each in reversed(self.examples)}
        shown = "; ".join(
            f"{reason}: query {first[reason].pair.query!r}, document {first[reason].pair.doc_id}: "
            f"{first[reason].detail or 'nothing more is known'}"
            for reason, _ in common[:_EXAMPLES]
        )
        return f"{counts} ({shown})"


def missing_pairs(
    pairs: Iterable[Pair], store: LabelStore, teacher: str, tally: Tally
) -> Iterator[Pair]:
    """Yield the pairs that this teacher has yet to label, each once; the others are counted.

    Without a query or a text there is nothing to ask: such a pair counts as a failure.
    """
    seen: set[bytes] = set()
    for pair in pairs:
        key = pair.key
        packed = bytes.fromhex(key)
        if packed in seen:
            tally.repeated += 1
        elif store.has(teacher, key):
            tally.known += 1
        elif pair.query.strip() and pair.text.strip():
            yield pair
        else:
            tally.count(Unlabelled(pair, "empty", "the query or the text is empty"))
        seen.add(packed)


def label_all(
    teacher: Teacher,
    pairs: Iterable[Pair],
    store: LabelStore,
    watch: Callable[[Tally], object] = lambda _: None,
    *,
    limit: FailureLimit = FailureLimit(),
    batch: int = 5000,
) -> Tally:
    """Label what this teacher has not labelled yet.

    Every label is in the store before the next is waited for, so that the work may be interrupted
    at any time, and goes on where it ended.

    Args:
        teacher: Who labels.
        pairs: All pairs, in the same order or another than in the last run.
        store: Open; where labels go, and what is known.
        watch: Told after every outcome, and of known pairs with it.
        limit: When to give up.
        batch: How many pairs the teacher is handed at a time.

    Returns:
        What came of it; look at ``stopped`` and ``failures``.

    Raises:
        LabellingError: If too many pairs stay without a label, or the teacher cannot be asked at
            all. What is labelled by then is in the store.
    """
    tally = Tally()
    todo = missing_pairs(pairs, store, teacher.name, tally)
    try:
        while asked := list(islice(todo, batch)):
            _label_batch(teacher, asked, store, tally, watch=watch, limit=limit)
    except StoppedError as error:
        tally.stopped = str(error)
    watch(tally)
    _check_at_the_end(tally, limit)
    return tally


def _label_batch(
    teacher: Teacher,
    pairs: Sequence[Pair],
    store: LabelStore,
    tally: Tally,
    *,
    watch: Callable[[Tally], object],
    limit: FailureLimit,
) -> None:
    def take(outcome: Outcome) -> None:
        if isinstance(outcome, Label):
            store.add(outcome)
        tally.count(outcome)
        watch(tally)
        _check_on_the_way(tally, limit)

    outcomes = iter(teacher.label(pairs))
    try:
        for outcome in outcomes:
            take(outcome)
    except KeyboardInterrupt:
        for outcome in _finished(outcomes):
            if isinstance(outcome, Label) and not store.has(outcome.teacher, outcome.pair):
                take(outcome)
        raise
    finally:
        if isinstance(outcomes, Generator):  # ends its requests
            outcomes.close()


def _finished(outcomes: Iterator[Outcome]) -> Iterator[Outcome]:
    """Yield what a teacher that is interrupted has finished and not yet handed over."""
    if isinstance(outcomes, Generator):
        with suppress(KeyboardInterrupt, StopIteration):
            yield outcomes.throw(KeyboardInterrupt())
            yield from outcomes


def _check_on_the_way(tally: Tally, limit: FailureLimit) -> None:
    asked = tally.labelled + tally.failed
    enough = asked >= limit.floor
    of_all = limit.share / 10 * (asked + tally.known)
    if enough and tally.failed > limit.share * asked and tally.failed > of_all:
        raise _too_many(tally, limit, asked)


def _check_at_the_end(tally: Tally, limit: FailureLimit) -> None:
    pairs = tally.labelled + tally.failed + tally.known
    if tally.failed > limit.share * pairs:
        raise _too_many(tally, limit, pairs)


def _too_many(tally: Tally, limit: FailureLimit, pairs: int) -> LabellingError:
    return LabellingError(
        f"{tally.failed:,} of {pairs:,} pairs got no label, more than the limit of "
        f"{limit.share:.0%}: {tally.describe_failures()}. The {tally.labelled:,} labels of this "
        "run are kept; the same command goes on from there"
    )

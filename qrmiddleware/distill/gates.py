"""Gates that labels with reasons pass before a student learns from them.

Source: that annotations are filtered by form, by correctness and by faithfulness to what was asked
and shown is our reading of CRSD, arXiv:2510.11056 (abstract).
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from qrmiddleware.distill.chains import Chain, ChainError
from qrmiddleware.distill.classes import ESCI, Classes
from qrmiddleware.distill.faithfulness import faithfulness
from qrmiddleware.distill.label_index import LabelIndex
from qrmiddleware.distill.labels import Label, Pair


class Gate(StrEnum):
    """What a label failed at, in words that are counted."""

    NO_CHAIN = "no chain"
    OTHER_CONCLUSION = "other conclusion"
    NOT_AS_JUDGED = "not as judged"
    UNFAITHFUL = "unfaithful"
    DOUBTFUL = "doubtful"


@dataclass(frozen=True, slots=True)
class Gates:
    """What a label is held against.

    Attributes:
        classes: That a chain may conclude.
        least_faithfulness: Share of the notes' words that query or text must have; 0 lets any
            notes pass, and none.
        least_probability: Of the label's class, where probabilities are told.
        judged: Trusted class by query and doc_id; pairs that are not there pass.
    """

    classes: Classes = ESCI
    least_faithfulness: float = 0.5
    least_probability: float = 0.0
    judged: Mapping[tuple[str, str], str] = field(default_factory=dict)

    def failed(self, label: Label, text: str) -> Gate | None:
        """Return the first gate that a label does not pass; ``None`` if it passes all.

        Args:
            label: With a chain as its reason.
            text: Of its pair.
        """
        try:
            chain = Chain.read(label.reason, self.classes)
        except ChainError:
            return Gate.NO_CHAIN
        if chain.conclusion != label.grade:
            return Gate.OTHER_CONCLUSION
        if self.judged.get((label.query, label.doc_id), label.grade) != label.grade:
            return Gate.NOT_AS_JUDGED
        if faithfulness(chain, label.query, text) < self.least_faithfulness:
            return Gate.UNFAITHFUL
        if (label.probabilities or {}).get(label.grade, 1.0) < self.least_probability:
            return Gate.DOUBTFUL
        return None


@dataclass(slots=True)
class Passed:
    """What came of it; filled while labels are looked at.

    Attributes:
        kept: By class.
        failures: By class and gate.
        aside: Keys of pairs without a label that passed, in order.
        checked: Labels whose pair is judged.
        pairs: That were looked at and have a label.
    """

    kept: Counter[str] = field(default_factory=Counter)
    failures: Counter[tuple[str, Gate]] = field(default_factory=Counter)
    aside: dict[str, None] = field(default_factory=dict)
    checked: int = 0
    pairs: int = 0

    def passes(self, label: Label, text: str, gates: Gates) -> bool:
        """Hold a label against the gates, and take account of it."""
        self.checked += (label.query, label.doc_id) in gates.judged
        failed = gates.failed(label, text)
        if failed is None:
            self.kept[label.grade] += 1
        else:
            self.failures[label.grade, failed] += 1
        return failed is None


def gated_labels(
    index: LabelIndex, pairs: Iterable[Pair], gates: Gates, tally: Passed
) -> Iterator[Label]:
    """Yield the labels that pass all gates, in the order of their pairs.

    Args:
        index: Open.
        pairs: With the texts that were read; labels of others are not looked at.
        gates: That labels are held against.
        tally: Told of all labels.
    """
    seen: set[str] = set()
    for pair in pairs:
        if (key := pair.key) in seen:
            continue
        seen.add(key)
        labels = tuple(index.of(key).values())
        passed = [label for label in labels if tally.passes(label, pair.text, gates)]
        tally.pairs += bool(labels)
        if labels and not passed:
            tally.aside[key] = None
        yield from passed

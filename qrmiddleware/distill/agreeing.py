"""Labels of several annotators of the same pairs: what they agree on is kept.

Source: that two language models annotate and what they agree on is kept is how ELLM-rele,
arXiv:2411.13045, is told of; whose reason is kept, and how probabilities are joined, is ours.
"""

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations

from qrmiddleware.distill.chains import Chain, ChainError
from qrmiddleware.distill.label_index import LabelIndex
from qrmiddleware.distill.labels import Label
from qrmiddleware.errors import ConfigError


@dataclass(slots=True)
class Agreement:
    """What came of it; filled while labels are joined.

    Attributes:
        common: Pairs that all annotators labelled.
        same: Of these, pairs on whose class all agree.
        passed_over: Pairs that too few annotators labelled to decide anything.
        kept: Pairs that were kept, by class.
        said: Of pairs that were set aside, how many a class was said of by anybody.
        aside: Keys of pairs that were set aside, in order.
        met: How often two annotators said which classes, by the annotators' names.
    """

    common: int = 0
    same: int = 0
    passed_over: int = 0
    kept: Counter[str] = field(default_factory=Counter)
    said: Counter[str] = field(default_factory=Counter)
    aside: dict[str, None] = field(default_factory=dict)
    met: dict[tuple[str, str], Counter[tuple[str, str]]] = field(default_factory=dict)

    @property
    def rate(self) -> float:
        """Share of the common pairs on which all agree; NaN of none."""
        return self.same / self.common if self.common else math.nan

    def count(self, labels: Mapping[str, Label], annotators: Sequence[str]) -> None:
        """Take account of all labels of a pair."""
        grades = {name: label.grade for name, label in labels.items()}
        if len(grades) == len(annotators):
            self.common += 1
            self.same += len(set(grades.values())) == 1
        for first, second in combinations(grades, 2):
            met = self.met.setdefault((first, second), Counter())
            met[grades[first], grades[second]] += 1


def agreed_name(annotators: Sequence[str], *, majority: bool) -> str:
    """Return the teacher of labels that annotators agree on: who they are, and what was enough."""
    needed = _needed(annotators, majority=majority)
    return f"agree:{needed} of {len(annotators)}:{' + '.join(annotators)}"


def _needed(annotators: Sequence[str], *, majority: bool) -> int:
    return len(annotators) // 2 + 1 if majority else len(annotators)


def agreed_labels(
    index: LabelIndex, tally: Agreement, *, majority: bool = False
) -> Iterator[Label]:
    """Yield a label for every pair on whose class the annotators agree.

    Which pairs are kept, and their classes and probabilities, does not depend on the order of
    annotators; the reason does where two are as good.

    Args:
        index: Open; every teacher in it is an annotator.
        tally: Told of all pairs.
        majority: More than half of all annotators are enough, else all must agree. A pair that
            fewer have labelled is passed over.

    Raises:
        ConfigError: If there is only one annotator, or a label has no class.
    """
    annotators = index.teachers
    if len(annotators) < 2:  # noqa: PLR2004 one agrees with itself
        message = (
            f"labels of two teachers or more are needed, not of {', '.join(annotators) or 'none'}"
        )
        raise ConfigError(message)
    needed = _needed(annotators, majority=majority)
    teacher = agreed_name(annotators, majority=majority)
    for labels in index:
        _check_classes(labels)
        tally.count(labels, annotators)
        if len(labels) < needed:
            tally.passed_over += 1
            continue
        (grade, votes), *_ = Counter(label.grade for label in labels.values()).most_common(1)
        if votes < needed:
            tally.said.update({label.grade for label in labels.values()})
            tally.aside[next(iter(labels.values())).pair] = None
            continue
        tally.kept[grade] += 1
        yield joined(tuple(labels.values()), grade, teacher)


def joined(labels: Sequence[Label], grade: str, teacher: str) -> Label:
    """Make one label of those of a class: means of targets and probabilities, and a reason.

    Tokens are those of all labels.

    Args:
        labels: Of one pair; those of other classes only have a say in whose reason is kept.
        grade: The class.
        teacher: Name of the new label's.
    """
    agree = [label for label in labels if label.grade == grade]
    return replace(
        agree[0],
        teacher=teacher,
        target=min(1.0, math.fsum(label.target for label in agree) / len(agree)),
        probabilities=_mean_shares(agree),
        logit=None,
        reason=_reason(agree, labels),
        prompt_tokens=sum(label.prompt_tokens for label in labels),
        completion_tokens=sum(label.completion_tokens for label in labels),
        unread=sum(label.unread for label in labels),
    )


def _check_classes(labels: Mapping[str, Label]) -> None:
    for name, label in labels.items():
        if not label.grade:
            message = (
                f"the label of {label.query!r} and {label.doc_id} by {name} has no class: what "
                "is compared are classes"
            )
            raise ConfigError(message)


def _mean_shares(labels: Sequence[Label]) -> Mapping[str, float] | None:
    """Return the mean probability by class; ``None`` where nobody told any."""
    if not any(label.probabilities for label in labels):
        return None
    told = [label.probabilities or {label.grade: 1.0} for label in labels]
    codes = dict.fromkeys(code for shares in told for code in shares)
    return {code: math.fsum(each.get(code, 0.0) for each in told) / len(told) for code in codes}


def _reason(candidates: Sequence[Label], labels: Sequence[Label]) -> str:
    """Return the reason whose chain has most verdicts in common with all others'."""
    chains = [chain for label in labels if (chain := _chain(label)) is not None]
    best, most = "", -1
    for label in candidates:
        chain = _chain(label)
        if chain is None:
            best = best or label.reason
        elif (common := sum(_in_common(chain, other) for other in chains)) > most:
            best, most = label.reason, common
    return best


def _chain(label: Label) -> Chain | None:
    try:
        return Chain.read(label.reason, None)
    except ChainError:
        return None


def _in_common(one: Chain, other: Chain) -> int:
    return sum(verdict == other.verdicts[aspect] for aspect, verdict in one.verdicts.items())

"""What teachers are asked and what they say: pairs, labels, and pairs that stay without one."""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Protocol, TypeAlias

from qrmiddleware.errors import QrmError


class LabellingError(QrmError):
    """A teacher cannot be asked, or fails so often that going on makes no sense."""


class StoppedError(LabellingError):
    """A teacher stops before its work is done, by a limit that the user set."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A query and a document that somebody is to judge.

    Attributes:
        query: As the user typed it.
        doc_id: As in the catalogue.
        text: What the teacher reads of the document, and the student after it.
    """

    query: str
    doc_id: str
    text: str

    @property
    def key(self) -> str:
        """Hash of all three: a document whose text has changed makes another pair."""
        told = json.dumps((self.query, self.doc_id, self.text), ensure_ascii=False)
        return sha256(told.encode(errors="surrogatepass")).hexdigest()[:32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """What a teacher says of one pair.

    Attributes:
        pair: The pair's key.
        query: The pair's, for people who read a file of labels, and for grouping.
        doc_id: Likewise.
        teacher: Who says it, with all that may change its answers: labels of two teachers never
            mix.
        target: How relevant the document is, 0..1.
        grade: The class that the teacher named, or gave the highest probability; empty if it has
            no classes.
        probabilities: By class, summing to 1; empty if the teacher told none.
        logit: As it came out of a teacher with a single output; ``None`` of any other.
        reason: In the teacher's words.
        prompt_tokens: What the pair took of its requests; 0 where nobody counts.
        completion_tokens: Likewise.
        unread: Answers about the pair that could not be read: asked for again, or without a vote.
    """

    pair: str
    query: str
    doc_id: str
    teacher: str
    target: float
    grade: str = ""
    probabilities: Mapping[str, float] | None = None
    logit: float | None = None
    reason: str = ""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    unread: int = 0

    def __post_init__(self) -> None:
        if not 0.0 <= self.target <= 1.0:
            message = f"a target is between 0 and 1, not {self.target}"
            raise ValueError(message)
        if self.logit is not None and not math.isfinite(self.logit):
            message = f"a logit is a finite number, not {self.logit}"
            raise ValueError(message)
        told = self.probabilities
        if told and not (
            all(0.0 <= each <= 1.0 for each in told.values())
            and math.isclose(sum(told.values()), 1.0, abs_tol=1e-3)
        ):
            message = f"probabilities are between 0 and 1 and sum to 1, not {dict(told)}"
            raise ValueError(message)

    def log_odds(self, *, limit: float = 8.0) -> float:
        """Return the label on the scale of logits, for losses that compare margins.

        That is the teacher's logit if it has one; else ln(target / (1 - target)), held between
        ``-limit`` and ``limit`` because a target may be exactly 0 or 1.
        """
        if self.logit is not None:
            return self.logit
        highest = 1.0 / (1.0 + math.exp(-limit))
        target = min(max(self.target, 1.0 - highest), highest)
        return math.log(target / (1.0 - target))

    def shares(self, codes: Sequence[str]) -> tuple[float, ...]:
        """Return the probability of each class, in the order of their codes.

        Raises:
            ValueError: If the label has no class, or one that is not among them.
        """
        told = self.probabilities or {self.grade: 1.0}
        if unknown := [code for code in told if code not in codes]:
            message = (
                f"the label of {self.query!r} and {self.doc_id} by {self.teacher} is of class "
                f"{unknown[0]!r}: the classes are {', '.join(codes)}"
            )
            raise ValueError(message)
        return tuple(told.get(code, 0.0) for code in codes)

    def with_gains(self, gains: Mapping[str, float]) -> "Label":
        """Return the label with the target that other gains make of its classes.

        Raises:
            ValueError: If it has no classes, or one that has no gain.
        """
        told = self.probabilities or ({self.grade: 1.0} if self.grade else {})
        if missing := [name for name in told if name not in gains]:
            message = f"no gain for {missing[0]!r} among {', '.join(gains)}"
            raise ValueError(message)
        if not told:
            message = f"the label of {self.teacher} has no classes, so that gains do not apply"
            raise ValueError(message)
        return replace(self, target=expected_gain(told, gains))


def expected_gain(probabilities: Mapping[str, float], gains: Mapping[str, float]) -> float:
    """Return the sum of probability x gain over classes, held between 0 and 1."""
    total = math.fsum(share * gains[name] for name, share in probabilities.items())
    return min(max(total, 0.0), 1.0)


@dataclass(frozen=True, slots=True)
class Unlabelled:
    """A pair that a teacher could not label; it is asked again in the next run.

    Attributes:
        pair: Which.
        reason: Why, in few words that can be counted, such as ``prose``.
        detail: What was found.
        prompt_tokens: Spent nevertheless.
        completion_tokens: Likewise.
        unread: Answers about the pair that could not be read.
    """

    pair: Pair
    reason: str
    detail: str = ""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    unread: int = 0


Outcome: TypeAlias = Label | Unlabelled


class Teacher(Protocol):
    """Labels pairs."""

    @property
    def name(self) -> str:
        """Identity: model, version of what is asked, and a hash of the options that matter."""

    def label(self, pairs: Sequence[Pair]) -> Iterator[Outcome]:
        """Label pairs, each as soon as it is done, in any order.

        The caller keeps what is yielded before it asks for more. A generator may be thrown
        ``KeyboardInterrupt``, and then may yield what it has finished before it raises that again.
        A pair without an outcome counts as not asked.

        Raises:
            StoppedError: If a limit of the user's ends the work; after all that is finished.
            LabellingError: If the teacher cannot be asked at all.
        """


def label_for(pair: Pair, teacher: str, target: float) -> Label:
    """Return a pair's label with what every teacher knows."""
    return Label(
        pair=pair.key, query=pair.query, doc_id=pair.doc_id, teacher=teacher, target=target
    )

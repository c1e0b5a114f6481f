"""A teacher's reasoning, step by step: what a query asks for, and what a product is of it.

Written, and read again, as lines that people and models can follow:

    category: match (asked for a laptop bag, and it is one)
    brand: mismatch (asked for HP, and it is of Acme)
    model: unspecified
    attribute: unspecified
    conclusion: S

Source: that relevance is decided step by step is ELLM-rele's, arXiv:2411.13045, and that reasons
teach a student CRSD's, arXiv:2510.11056 (abstracts); the steps and the lines are our reading.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final, Self

from qrmiddleware.distill.classes import Classes

ASPECTS: Final = ("category", "brand", "model", "attribute")
"""What is compared, in the order in which it is."""
CONCLUSION: Final = "conclusion"
_LINE: Final = re.compile(r"\A(?:[-*•]|\d+[.)])?\s*([\w ]+?)\s*:\s*(.*)\Z")
_SAID: Final = re.compile(r"\A(\w+)\.?\s*(?:\((.*)\))?\s*\Z", re.DOTALL)


class Verdict(StrEnum):
    """What a product is in one respect of what a query asks for."""

    MATCH = "match"
    MISMATCH = "mismatch"
    UNSPECIFIED = "unspecified"
    """The query does not ask for it, or the product does not tell."""


class ChainError(ValueError):
    """A text is no chain; says what is missing or wrong."""


@dataclass(frozen=True, slots=True)
class Step:
    """One respect.

    Attributes:
        aspect: Which.
        verdict: What came of the comparison.
        note: What was compared, for people; one line without brackets.
    """

    aspect: str
    verdict: Verdict
    note: str = ""

    def __str__(self) -> str:
        """Return its line."""
        note = f" ({self.note})" if self.note else ""
        return f"{self.aspect}: {self.verdict}{note}"


@dataclass(frozen=True, slots=True)
class Chain:
    """All steps of one decision, and what it comes to.

    Attributes:
        steps: One for each aspect, in order.
        conclusion: Code of the class; empty where it was taken away.
    """

    steps: tuple[Step, ...]
    conclusion: str = ""

    @property
    def verdicts(self) -> Mapping[str, Verdict]:
        """Verdict by aspect."""
        return MappingProxyType({step.aspect: step.verdict for step in self.steps})

    def __str__(self) -> str:
        """Return its lines."""
        last = (f"{CONCLUSION}: {self.conclusion}",) if self.conclusion else ()
        return "\n".join((*map(str, self.steps), *last))

    def without_conclusion(self) -> Self:
        """Leave the reasons, which do not name the class: a student that reads it learns nothing.

        The verdicts still tell much of it, as reasons do.
        """
        return type(self)(self.steps)

    @classmethod
    def read(cls, text: str, classes: Classes | None, *, aspects: Sequence[str] = ASPECTS) -> Self:
        """Read lines strictly: every aspect once, in order, then the conclusion, and no more.

        Upper and lower case, list marks and empty lines do not matter.

        Args:
            text: The lines.
            classes: That it may conclude; ``None`` takes any conclusion as it stands.
            aspects: That are compared.

        Raises:
            ChainError: If a line is missing, twice there, unknown, or says what it may not.
        """
        said = _said(text.splitlines())
        wanted = [*aspects, CONCLUSION]
        if list(said) != wanted:
            found = ", ".join(said) or "none"
            message = f"lines {found}: {', '.join(wanted)} are needed, in this order"
            raise ChainError(message)
        concluded = said.pop(CONCLUSION)
        code = concluded if classes is None else _code(concluded, classes)
        return cls(tuple(_step(*each) for each in said.items()), code)


def reasons_alone(text: str) -> str:
    """Take the conclusion out of reasons, whoever wrote them: every line that begins with it."""
    kept = (
        line
        for line in text.splitlines()
        if not line.lstrip(" -*•0123456789.)").casefold().startswith(CONCLUSION)
    )
    return "\n".join(kept).strip()


def _said(lines: Iterable[str]) -> dict[str, str]:
    said: dict[str, str] = {}
    for line in filter(None, map(str.strip, lines)):
        parts = _LINE.match(line)
        if parts is None:
            message = f"{line!r} is no line of a chain, such as 'brand: match'"
            raise ChainError(message)
        aspect = parts[1].casefold()
        if aspect in said:
            message = f"{aspect} is there twice"
            raise ChainError(message)
        said[aspect] = parts[2]
    return said


def _code(concluded: str, classes: Classes) -> str:
    found = classes.find(concluded)
    if found is None:
        message = f"conclusion {concluded!r}: one of {', '.join(classes.codes)}"
        raise ChainError(message)
    return found.code


def _step(aspect: str, said: str) -> Step:
    parts = _SAID.match(said)
    word = parts[1].casefold() if parts else ""
    if parts is None or word not in set(Verdict):
        message = f"{aspect}: {said!r} begins with none of {', '.join(Verdict)}"
        raise ChainError(message)
    return Step(aspect, Verdict(word), (parts[2] or "").strip())

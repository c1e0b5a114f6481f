"""A rule as it was written, ready to be matched."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from qrmiddleware import Boost, Restriction

Operator: TypeAlias = Literal["AND", "OR", "NOT"]
Expression: TypeAlias = tuple["int | Operator", ...]
"""A condition in postfix order; a number stands for a phrase of the input."""


@dataclass(frozen=True, slots=True)
class Phrase:
    """Words that must stand side by side in a query.

    Attributes:
        words: Without escapes and without the wildcard's asterisk.
        wildcard: The last word is the beginning of a longer one.
        at_start: Nothing may stand before.
        at_end: Nothing may stand behind.
    """

    words: tuple[str, ...]
    wildcard: bool = False
    at_start: bool = False
    at_end: bool = False


@dataclass(frozen=True, slots=True)
class Input:
    """What a query must look like.

    Attributes:
        phrases: One, or several joined by ``expression``.
        expression: ``(0,)`` for a plain phrase.
        text: As written, without the arrow.
    """

    phrases: tuple[Phrase, ...]
    expression: Expression
    text: str

    @property
    def is_boolean(self) -> bool:
        """Whether AND, OR or NOT occur in it."""
        return len(self.expression) > 1

    @property
    def has_rest(self) -> bool:
        """Whether ``$1`` stands for something."""
        return not self.is_boolean and self.phrases[0].wildcard


@dataclass(frozen=True, slots=True)
class Synonym:
    """Words to search for in place of the matched ones.

    Attributes:
        text: May hold ``$1``.
        weight: As written, above 0.
        line: Line number.
    """

    text: str
    weight: float
    line: int


@dataclass(frozen=True, slots=True)
class Deletion:
    """Words of the input to leave out: (phrase, word) numbers."""

    words: frozenset[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Effects:
    """Boosts or restrictions of one instruction; texts and clauses may hold ``$1``."""

    proposals: tuple[Boost | Restriction, ...]


@dataclass(frozen=True, slots=True)
class Decoration:
    """A message for the page, which a search middleware cannot deliver."""

    text: str
    line: int


Instruction: TypeAlias = Synonym | Deletion | Effects | Decoration


@dataclass(frozen=True, slots=True)
class Rule:
    """An input with everything that follows from it.

    Attributes:
        input: When it applies.
        line: Line number of the input.
        note: Id and place, for people.
        synonyms: In the order of the file.
        deletions: (phrase, word) numbers of the input.
        effects: In the order of the file, each with the rule's note.
        decorations: Parsed, never applied.
        properties: As written, by name.
    """

    input: Input
    line: int
    note: str
    synonyms: tuple[Synonym, ...] = ()
    deletions: frozenset[tuple[int, int]] = frozenset()
    effects: tuple[Boost | Restriction, ...] = ()
    decorations: tuple[Decoration, ...] = ()
    properties: Mapping[str, Any] = field(default_factory=dict[str, Any])

    @property
    def does_nothing(self) -> bool:
        """Whether no instruction was written."""
        return not (self.synonyms or self.deletions or self.effects or self.decorations)

"""Boolean searches, as language models like to write them, told in plain words."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from qrmiddleware.distill.splits import normalised_query

_TOKENS: Final = re.compile(r'"[^"]*"|[()]|[^\s()"]+')
_DEEPEST: Final = 20
_AND: Final = {"AND", "&&"}
_OR: Final = {"OR", "||"}
_NOT: Final = {"NOT", "-"}


class NotBooleanError(ValueError):
    """A text is no Boolean search that could be read."""


@dataclass(frozen=True, slots=True)
class _Words:
    text: str


@dataclass(frozen=True, slots=True)
class _All:
    parts: "tuple[_Node, ...]"


@dataclass(frozen=True, slots=True)
class _Any:
    parts: "tuple[_Node, ...]"


@dataclass(frozen=True, slots=True)
class _Not:
    part: "_Node"


_Node: TypeAlias = "_Words | _All | _Any | _Not"


def plain_rewrites(text: str, *, most: int = 3) -> list[str]:
    """Tell a Boolean search in plain words: of every choice one wording, the first ones first.

    The n-th rewrite takes the n-th wording of each choice, and of shorter choices one again, so
    that few rewrites hold most wordings. What is excluded is told with ``without``.

    Args:
        text: With AND, OR, NOT, brackets and quotes, or without any.
        most: Rewrites at most; none twice.

    Raises:
        NotBooleanError: If brackets or operators do not fit.
    """
    node = _Reader(_TOKENS.findall(text.replace("“", '"').replace("”", '"'))).read()
    told = (_once(_told(node, number)) for number in range(_choices(node)))
    return list(dict.fromkeys(filter(None, told)))[:most]


class _Reader:
    """Reads a search by descent; OR binds least, words beside each other are one AND."""

    def __init__(self, tokens: Sequence[str]) -> None:
        self._tokens = tokens
        self._at = 0
        self._depth = 0

    def read(self) -> _Node:
        node = self._any()
        if self._at < len(self._tokens):
            message = f"nothing opens {self._tokens[self._at]!r}"
            raise NotBooleanError(message)
        return node

    def _next(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def _any(self) -> _Node:
        parts = [self._all()]
        while self._next() in _OR:
            self._at += 1
            parts.append(self._all())
        return parts[0] if len(parts) == 1 else _Any(tuple(parts))

    def _all(self) -> _Node:
        parts = [self._one()]
        while (token := self._next()) and token not in {")", *_OR}:
            self._at += token in _AND
            parts.append(self._one())
        return parts[0] if len(parts) == 1 else _All(tuple(parts))

    def _one(self) -> _Node:
        self._depth += 1
        if self._depth > _DEEPEST:
            message = f"it is nested more than {_DEEPEST} deep"
            raise NotBooleanError(message)
        node = self._part()
        self._depth -= 1
        return node

    def _part(self) -> _Node:
        token = self._next()
        self._at += 1
        if token in _NOT:
            return _Not(self._one())
        if token == "(":  # noqa: S105 a bracket
            return self._bracket()
        if token in {"", ")", *_AND, *_OR}:
            message = f"{token or 'the end'!r} stands where words should"
            raise NotBooleanError(message)
        return _Words(token.strip('"').strip())

    def _bracket(self) -> _Node:
        node = self._any()
        if self._next() != ")":
            message = "a bracket is not closed"
            raise NotBooleanError(message)
        self._at += 1
        return node


def _choices(node: _Node) -> int:
    match node:
        case _Any(parts):
            return sum(map(_choices, parts))
        case _All(parts):
            return max(map(_choices, parts))
        case _Not(part):
            return _choices(part)
        case _:
            return 1


def _told(node: _Node, number: int) -> str:
    match node:
        case _Words(text):
            return text
        case _All(parts):
            return " ".join(_told(part, number) for part in parts)
        case _Not(part):
            return f"without {_told(part, number)}"
        case _Any(parts):
            number %= _choices(node)
            for part in parts:
                if number < (size := _choices(part)):
                    return _told(part, number)
                number -= size
    return ""


def _once(text: str) -> str:
    """Leave out words that stand there already; brackets and quotes say them again and again."""
    return " ".join(_new_words(text.split()))


def _new_words(words: Iterable[str]) -> list[str]:
    found: dict[str, str] = {}
    for word in words:
        found.setdefault(normalised_query(word), word)
    return list(found.values())

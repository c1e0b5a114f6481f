"""Words: how rule files and queries are cut into them, and how they are compared."""

import re
import unicodedata
from collections.abc import Callable
from typing import NamedTuple, TypeAlias

from qrmiddleware_rules.problems import InvalidTextError

Fold: TypeAlias = Callable[[str], str]
"""Maps words that count as the same word to the same text."""

_WORD = re.compile(r"\S+")
_LINE_END = re.compile(r"\r\n|\r|\n")
_CONTENT = re.compile(r"(?:[^\\#]|\\.?)*", re.DOTALL)
_ESCAPE = re.compile(r"\\(.?)", re.DOTALL)
_ESCAPABLE = frozenset('\\*#":()')


class Word(NamedTuple):
    """A piece of a line and the column, from 1, where it begins."""

    text: str
    column: int


def fold_case(word: str) -> str:
    """Forget upper and lower case."""
    return unicodedata.normalize("NFC", word).lower()


def keep_case(word: str) -> str:
    """Forget only how a character is encoded."""
    return unicodedata.normalize("NFC", word)


def split_lines(text: str) -> list[str]:
    """Cut at line ends only, so that line numbers are those of an editor."""
    return _LINE_END.split(text)


def split_words(text: str, column: int = 1) -> list[Word]:
    """Cut at whitespace; ``column`` is that of the first character of ``text``."""
    return [Word(found.group(), column + found.start()) for found in _WORD.finditer(text)]


def strip_comment(line: str) -> str:
    """Cut off everything from the first ``#`` that no backslash precedes."""
    found = _CONTENT.match(line)
    return found.group() if found else line


def unescape(word: Word) -> str:
    r"""Resolve ``\*``, ``\#``, ``\"``, ``\:``, ``\(``, ``\)`` and ``\\``.

    Raises:
        InvalidTextError: If anything else follows a backslash.
    """
    if "\\" not in word.text:
        return word.text
    for found in _ESCAPE.finditer(word.text):
        if found.group(1) not in _ESCAPABLE or not found.group(1):
            message = (
                f"{found.group()!r} is no escape: a backslash may stand before "
                '* # " : ( ) and \\ only, write \\\\ for the backslash itself'
            )
            raise InvalidTextError(message, word.column + found.start())
    return _ESCAPE.sub(r"\1", word.text)


def count_escapes(text: str) -> int:
    """Count the backslashes at the end: an odd number escapes what follows."""
    return len(text) - len(text.rstrip("\\"))

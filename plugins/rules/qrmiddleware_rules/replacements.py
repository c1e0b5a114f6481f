"""Replace rules: ``mobiles; ombile => mobile``, ``*phones => $1phone``, ``the =>``."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from qrmiddleware_rules.problems import InvalidTextError, Problem
from qrmiddleware_rules.terms import fill, find_rest
from qrmiddleware_rules.words import Fold, Word, split_lines, split_words

_ARROW: Final = "=>"
_ALTERNATIVE = re.compile(r"[^;\t]+")


@dataclass(frozen=True, slots=True)
class Replacement:
    """One input of a replace rule.

    Attributes:
        words: One word if there is a wildcard, which is not part of it.
        output: Words that take their place, possibly none; may hold ``$1``.
        line: Line number.
        note: The place, for people.
        wildcard: Where it stands: ``"prefix"`` for ``ab*``, ``"suffix"`` for ``*ab``.
    """

    words: tuple[str, ...]
    output: tuple[str, ...]
    line: int
    note: str
    wildcard: str = ""


@dataclass(frozen=True, slots=True)
class ParsedReplacements:
    """What a file holds, in its order."""

    replacements: tuple[Replacement, ...]
    problems: tuple[Problem, ...]


class Replaced(NamedTuple):
    """A query after replacing, and the notes of what was applied."""

    words: list[str]
    notes: list[str]


def parse_replacements(text: str, *, name: str, fold: Fold) -> ParsedReplacements:
    """Read a whole file; what cannot be read becomes a problem, and reading goes on.

    Args:
        text: The file's content.
        name: The file's name, for notes.
        fold: Tells which inputs are the same.
    """
    kept: dict[tuple[str, tuple[str, ...]], Replacement] = {}
    problems: list[Problem] = []
    for number, line in enumerate(split_lines(text), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        try:
            for column, found in _parse_line(line, number, name):
                key = found.wildcard, tuple(map(fold, found.words))
                earlier = kept.setdefault(key, found)
                if earlier is not found:
                    message = f"this input is already replaced in line {earlier.line}"
                    problems.append(Problem(number, column, message))
        except InvalidTextError as error:
            problems.append(Problem(number, error.column, str(error)))
    return ParsedReplacements(tuple(kept.values()), tuple(problems))


class Replacer:
    """Applies replace rules: plain ones first, the longest first; then ``*ab``; then ``ab*``."""

    def __init__(self, replacements: Iterable[Replacement], fold: Fold) -> None:
        self._fold = fold
        self._plain: dict[tuple[str, ...], Replacement] = {}
        self._affixes: dict[str, dict[str, Replacement]] = {"suffix": {}, "prefix": {}}
        self._reach: dict[str, int] = {}
        for found in replacements:
            words = tuple(map(fold, found.words))
            if found.wildcard:
                self._affixes[found.wildcard].setdefault(words[0], found)
            else:
                self._plain.setdefault(words, found)
                self._reach[words[0]] = max(len(words), self._reach.get(words[0], 0))
        self._longest = {
            side: max(map(len, table), default=0) for side, table in self._affixes.items()
        }

    def apply(self, words: Sequence[str]) -> Replaced:
        """Replace what the rules name; the words may be none at all afterwards."""
        replaced = self._replace_plain(words)
        for side in ("suffix", "prefix"):
            replaced = self._replace_affixes(side, replaced)
        return replaced

    def _replace_plain(self, words: Sequence[str]) -> Replaced:
        keys = [self._fold(word) for word in words]
        found = [
            (length, start)
            for start, key in enumerate(keys)
            for length in range(1, min(self._reach.get(key, 0), len(keys) - start) + 1)
            if tuple(keys[start : start + length]) in self._plain
        ]
        lengths: dict[int, int] = {}
        taken: set[int] = set()
        for length, start in sorted(found, key=lambda match: (-match[0], match[1])):
            span = range(start, start + length)
            if taken.isdisjoint(span):
                taken.update(span)
                lengths[start] = length
        output = Replaced([], [])
        for position, word in enumerate(words):
            if position in lengths:
                end = position + lengths[position]
                replacement = self._plain[tuple(keys[position:end])]
                output.words.extend(replacement.output)
                output.notes.append(replacement.note)
            elif position not in taken:
                output.words.append(word)
        return output

    def _replace_affixes(self, side: str, before: Replaced) -> Replaced:
        table, longest = self._affixes[side], self._longest[side]
        if not table:
            return before
        output = Replaced([], list(before.notes))
        for word in before.words:
            key = self._fold(word)
            for length in range(min(longest, len(key)), 0, -1):
                affix = key[-length:] if side == "suffix" else key[:length]
                replacement = table.get(affix)
                if replacement is not None:
                    rest = key[:-length] if side == "suffix" else key[length:]
                    filled = (fill(part, rest) for part in replacement.output)
                    output.words.extend(filter(None, filled))
                    output.notes.append(replacement.note)
                    break
            else:
                output.words.append(word)
        return output


def _parse_line(line: str, number: int, name: str) -> list[tuple[int, Replacement]]:
    left, arrow, right = line.partition(_ARROW)
    if not arrow:
        message = "expected 'words => other words', or 'words =>' to remove them"
        raise InvalidTextError(message, len(line) - len(line.lstrip()) + 1)
    if _ARROW in right:
        message = "a second '=>' in one line: put each rule on a line of its own"
        raise InvalidTextError(message, len(left) + right.index(_ARROW) + 3)
    output = tuple(word.text for word in split_words(right))
    found = [
        (words[0].column, _parse_alternative(words, output, number, name))
        for part in _ALTERNATIVE.finditer(left)
        if (words := split_words(part.group(), part.start() + 1))
    ]
    if not found:
        message = "words are expected before =>"
        raise InvalidTextError(message, 1)
    wildcards = [replacement for _, replacement in found if replacement.wildcard]
    if wildcards and len(found) > 1:
        message = "a wildcard rule takes one input: put each on a line of its own"
        raise InvalidTextError(message, found[1][0])
    if not wildcards and find_rest(right) >= 0:
        message = "$1 stands for what a wildcard matched: the input needs a *"
        raise InvalidTextError(message, len(left) + len(_ARROW) + find_rest(right) + 1)
    return found


def _parse_alternative(
    words: list[Word], output: tuple[str, ...], number: int, name: str
) -> Replacement:
    texts = tuple(word.text for word in words)
    note = f"{name}:{number}"
    if not any(text.startswith("*") or text.endswith("*") for text in texts):
        return Replacement(texts, output, number, note)
    text, column = words[0]
    if len(words) > 1:
        message = "a wildcard can only be used in an input of one word"
        raise InvalidTextError(message, column)
    bare = text.strip("*")
    if not bare or len(bare) < len(text) - 1:
        message = "one wildcard is expected, before or behind letters: 'ab*' or '*ab'"
        raise InvalidTextError(message, column)
    wildcard = "suffix" if text.startswith("*") else "prefix"
    return Replacement((bare,), output, number, note, wildcard)

"""Which rules a query matches: look-ups by first word, however many rules there are."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from qrmiddleware_rules.conditions import holds, wanted
from qrmiddleware_rules.rule import Phrase, Rule
from qrmiddleware_rules.words import Fold


class Match(NamedTuple):
    """A place where a rule applies.

    Attributes:
        number: The rule's place in its file, from 0.
        rule: The rule.
        phrase: Number of the phrase of its input that stands there.
        start: Position of the first word.
        end: Position behind the last word.
        rest: What the wildcard matched; empty without one.
    """

    number: int
    rule: Rule
    phrase: int
    start: int
    end: int
    rest: str


class _Entry(NamedTuple):
    rule_number: int
    phrase_number: int
    phrase: Phrase


@dataclass(slots=True)
class _Beginnings:
    """Wildcard words that may follow certain words."""

    entries: defaultdict[str, list[_Entry]] = field(default_factory=lambda: defaultdict(list))
    longest: int = 0


class Index:
    """Finds the rules that match a query; immutable once made."""

    def __init__(self, rules: Sequence[Rule], fold: Fold) -> None:
        self._rules = tuple(rules)
        self._wanted = [wanted(rule.input.expression) for rule in rules]
        self._complete: dict[tuple[str, ...], list[_Entry]] = {}
        self._open: dict[tuple[str, ...], _Beginnings] = {}
        self._reach: dict[str, int] = {}
        for rule_number, rule in enumerate(rules):
            for phrase_number, phrase in enumerate(rule.input.phrases):
                words = tuple(map(fold, phrase.words))
                self._add(words, _Entry(rule_number, phrase_number, phrase))

    def find(self, words: Sequence[str]) -> list[Match]:
        """Find every match, in the order of the rules, then of the query.

        Args:
            words: Of the query, folded.
        """
        found: list[Match] = []
        complex_ones: dict[int, list[Match]] = {}
        for match in self._occurrences(words):
            if match.rule.input.is_boolean:
                complex_ones.setdefault(match.number, []).append(match)
            else:
                found.append(match)
        for number, matches in complex_ones.items():
            phrases = {match.phrase for match in matches}
            if holds(self._rules[number].input.expression, phrases):
                found += [match for match in matches if match.phrase in self._wanted[number]]
        return sorted(found, key=lambda match: (match.number, match.start, match.end))

    def _add(self, words: tuple[str, ...], entry: _Entry) -> None:
        head = words
        if entry.phrase.wildcard:
            head = words[:-1]
            beginnings = self._open.setdefault(head, _Beginnings())
            beginnings.entries[words[-1]].append(entry)
            beginnings.longest = max(beginnings.longest, len(words[-1]))
        else:
            self._complete.setdefault(words, []).append(entry)
        if head:
            self._reach[head[0]] = max(len(head), self._reach.get(head[0], 0))

    def _occurrences(self, words: Sequence[str]) -> Iterator[Match]:
        for start in range(len(words)):
            for entries, end, rest in self._look_up(words, start):
                for number, phrase_number, phrase in entries:
                    misplaced = (phrase.at_start and start) or (phrase.at_end and end < len(words))
                    if not misplaced:
                        yield Match(number, self._rules[number], phrase_number, start, end, rest)

    def _look_up(
        self, words: Sequence[str], start: int
    ) -> Iterator[tuple[Sequence[_Entry], int, str]]:
        """Yield what begins at a word: the entries, where they end, the wildcard's match."""
        reach = min(self._reach.get(words[start], 0), len(words) - start)
        for end in range(start, start + reach + 1):
            head = tuple(words[start:end])
            yield self._complete.get(head, ()), end, ""
            beginnings = self._open.get(head)
            if beginnings is None or end == len(words):
                continue
            word = words[end]
            for length in range(1, min(beginnings.longest, len(word) - 1) + 1):
                yield beginnings.entries.get(word[:length], ()), end + 1, word[length:]

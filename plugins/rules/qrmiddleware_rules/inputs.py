"""The left-hand side of a rule: ``"personal comp* =>``, ``phone AND NOT case =>``."""

import re

from qrmiddleware_rules.conditions import OPERATORS, holds, to_postfix
from qrmiddleware_rules.problems import InvalidTextError
from qrmiddleware_rules.rule import Input, Phrase
from qrmiddleware_rules.words import Word, count_escapes, split_words, unescape

_ITEM = re.compile(r"[()]|(?:[^\s()\\]|\\.?)+")
_WILDCARD = re.compile(r"(?:[^\\*]|\\.?)*+\*")


def parse_input(text: str, column: int = 1) -> Input:
    """Read an input without its arrow.

    Args:
        text: Without comment.
        column: Column of its first character.

    Raises:
        InvalidTextError: If it is empty, or a wildcard, quotation mark, operator or
            parenthesis stands where it cannot.
    """
    shown = text.strip()
    if not OPERATORS.keys() & set(_ITEM.findall(text)):
        return Input((parse_phrase(text, column),), (0,), shown)
    phrases: dict[Phrase, int] = {}

    def number_of(item: Word) -> int:
        return phrases.setdefault(parse_phrase(item.text, item.column), len(phrases))

    expression = to_postfix(_condition_items(text, column), number_of)
    if holds(expression, ()):
        message = "this input holds for every query: name words that must occur"
        raise InvalidTextError(message, column)
    return Input(tuple(phrases), expression, shown)


def parse_phrase(text: str, column: int = 1) -> Phrase:
    """Read words with optional boundaries and an optional wildcard.

    Raises:
        InvalidTextError: If there are no words, or a wildcard stands where it cannot.
    """
    start = len(text) - len(text.lstrip())
    body = text.strip()
    at_start = body.startswith('"')
    if at_start:
        body, start = body[1:], start + 1
    at_end = body.endswith('"') and count_escapes(body[:-1]) % 2 == 0
    if at_end:
        body = body[:-1]
    words = split_words(body, column + start)
    if not words:
        message = "words are expected before =>"
        raise InvalidTextError(message, column)
    wildcard = _find_wildcard(words, at_end=at_end)
    if wildcard:
        words[-1] = words[-1]._replace(text=words[-1].text[:-1])
    return Phrase(tuple(map(_unescape_word, words)), wildcard, at_start, at_end)


def _condition_items(text: str, column: int) -> list[Word]:
    """Cut at operators and parentheses; what lies between them is a phrase each."""
    items: list[Word] = []
    phrase_end = -1
    for found in _ITEM.finditer(text):
        item = Word(found.group(), column + found.start())
        is_sign = item.text in OPERATORS or item.text in {"(", ")"}
        if not is_sign and phrase_end >= 0:
            first = items[-1].column
            items[-1] = Word(text[first - column : found.end()], first)
        else:
            items.append(item)
        phrase_end = -1 if is_sign else found.end()
    return items


def _find_wildcard(words: list[Word], *, at_end: bool) -> bool:
    for number, word in enumerate(words):
        found = _WILDCARD.match(word.text)
        if found is None:
            continue
        column = word.column + found.end() - 1
        if found.end() < len(word.text) or number < len(words) - 1:
            message = r"a wildcard may only end the input; write \* for the character itself"
            raise InvalidTextError(message, column)
        if word.text == "*":
            message = r"letters are expected before the wildcard; write \* for the character"
            raise InvalidTextError(message, column)
        if at_end:
            message = 'a wildcard cannot be combined with the closing "'
            raise InvalidTextError(message, column)
        return True
    return False


def _unescape_word(word: Word) -> str:
    if word.text[:1] == "\\" and word.text[1:] in OPERATORS:
        return word.text[1:]
    return unescape(word)

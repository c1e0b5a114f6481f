"""The right-hand side of a rule: ``SYNONYM(0.5): laptop``, ``FILTER: -case``."""

import math
import re
from collections.abc import Callable
from typing import Final, NamedTuple

from qrmiddleware import Boost, Restriction
from qrmiddleware_rules.conditions import wanted
from qrmiddleware_rules.problems import InvalidTextError
from qrmiddleware_rules.rule import Decoration, Deletion, Effects, Input, Instruction, Synonym
from qrmiddleware_rules.terms import all_of, find_rest, names_field, read_clause, read_terms
from qrmiddleware_rules.words import Word, fold_case, split_words, unescape

_INSTRUCTION = re.compile(
    r"\s*(?P<name>\w+)\s*(?:\((?P<number>[^()]*)\)\s*)?(?::(?P<value>.*))?", re.DOTALL
)


class _Call(NamedTuple):
    """An instruction taken apart; columns are those of the texts' first characters."""

    name: Word
    number: Word | None
    value: Word
    line: int


def parse_instruction(content: str, rule_input: Input | None, line: int) -> Instruction:
    """Read one instruction.

    Args:
        content: The line without comment.
        rule_input: What the rule matches; ``None`` if that could not be read, and then
            nothing is checked against it.
        line: Line number.

    Raises:
        InvalidTextError: If the instruction is unknown, or its number or value is missing,
            wrong, or does not go with the input.
    """
    found = _INSTRUCTION.fullmatch(content)
    if found is None:
        message = f"expected an instruction such as 'SYNONYM: words'; known are {_known()}"
        raise InvalidTextError(message, len(content) - len(content.lstrip()) + 1)
    name = Word(found["name"].upper(), found.start("name") + 1)
    if name.text not in _PARSERS:
        message = f"{found['name']!r} is no instruction; known are {_known()}"
        raise InvalidTextError(message, name.column)
    number = None
    if found["number"] is not None:
        number = Word(found["number"], found.start("number") + 1)
    value = Word("", len(content.rstrip()) + 1)
    if found["value"] is not None:
        value = Word(found["value"], found.start("value") + 1)
    call = _Call(name, number, value, line)
    _check_value(call, rule_input)
    return _PARSERS[name.text](call, rule_input)


def _known() -> str:
    return ", ".join(_PARSERS)


def _check_value(call: _Call, rule_input: Input | None) -> None:
    name, value = call.name.text, call.value
    if name != "DELETE" and not value.text.strip():
        message = f"{name} needs a value, as in '{name}: words'"
        raise InvalidTextError(message, value.column)
    if call.number is not None and name in {"DELETE", "FILTER"}:
        message = f"{name} takes no number in parentheses"
        raise InvalidTextError(message, call.number.column)
    place = find_rest(value.text)
    if rule_input is None or rule_input.has_rest or place < 0 or name == "DECORATE":
        return
    message = "$1 stands for what a wildcard matched: it needs a plain input that ends in *"
    raise InvalidTextError(message, value.column + place)


def _read_weight(call: _Call) -> float:
    if call.number is None:
        return 1.0
    message = f"expected a number above 0 in {call.name.text}(…), found {call.number.text!r}"
    try:
        weight = float(call.number.text)
    except ValueError as error:
        raise InvalidTextError(message, call.number.column) from error
    if not 0 < weight < math.inf:
        raise InvalidTextError(message, call.number.column)
    return weight


def _parse_synonym(call: _Call, rule_input: Input | None) -> Instruction:
    if rule_input is not None and len(wanted(rule_input.expression)) > 1:
        message = (
            "SYNONYM needs one place to stand in, and this input names several phrases: "
            "write a rule for each (NOT phrases may stay)"
        )
        raise InvalidTextError(message, call.name.column)
    words = split_words(*call.value)
    for word in words:
        if names_field(word):
            message = r"a synonym cannot name a field: use UP or FILTER, or write \: for a colon"
            raise InvalidTextError(message, word.column)
    text = " ".join(map(unescape, words))
    return Synonym(text, _read_weight(call), call.line)


def _parse_deletion(call: _Call, rule_input: Input | None) -> Instruction:
    if rule_input is None:
        return Deletion(frozenset())
    places = _places(rule_input)
    chosen: set[tuple[int, int]] = set()
    for word in split_words(*call.value):
        is_prefix = word.text.endswith("*") and not word.text.endswith("\\*")
        key = fold_case(word.text if is_prefix else unescape(word)), is_prefix
        if key not in places:
            message = f"{word.text!r} does not occur in the input, so it cannot be deleted"
            raise InvalidTextError(message, word.column)
        chosen |= places[key]
    return Deletion(frozenset(chosen or set().union(*places.values())))


def _places(rule_input: Input) -> dict[tuple[str, bool], set[tuple[int, int]]]:
    """Tell where each word of the input stands; the flag marks a wildcard's."""
    places: dict[tuple[str, bool], set[tuple[int, int]]] = {}
    for phrase_number in wanted(rule_input.expression):
        phrase = rule_input.phrases[phrase_number]
        for number, word in enumerate(phrase.words):
            is_prefix = phrase.wildcard and number == len(phrase.words) - 1
            key = fold_case(word) + "*" * is_prefix, is_prefix
            places.setdefault(key, set()).add((phrase_number, number))
    return places


def _parse_boost(call: _Call, _: Input | None) -> Instruction:
    up = call.name.text == "UP"
    weight = _read_weight(call) * (1 if up else -1)
    clause = read_clause(call.value)
    if clause is not None:
        return Effects((Boost(clause=clause, weight=weight),))
    terms = read_terms(call.value)
    qualified = [term for term in terms if term.clause is not None]
    if qualified and len(qualified) < len(terms):
        message = f"{call.name.text} takes words or field:value, not both: use a line for each"
        raise InvalidTextError(message, terms[0].column)
    if qualified:
        return Effects((Boost(clause=all_of(terms), weight=weight),))
    for term in terms:
        if term.excluded:
            other = "DOWN" if up else "UP"
            message = f"{call.name.text} takes no '-': write '{other}: {term.written}'"
            raise InvalidTextError(message, term.column)
    return Effects((Boost(text=" ".join(term.text for term in terms), weight=weight),))


def _parse_filter(call: _Call, _: Input | None) -> Instruction:
    clause = read_clause(call.value)
    if clause is not None:
        return Effects((Restriction(clause=clause),))
    return Effects(
        tuple(
            Restriction(text=term.text, clause=term.clause, excludes=term.excluded)
            for term in read_terms(call.value)
        )
    )


def _parse_decoration(call: _Call, _: Input | None) -> Instruction:
    return Decoration(call.value.text.strip(), call.line)


_PARSERS: Final[dict[str, Callable[[_Call, Input | None], Instruction]]] = {
    "SYNONYM": _parse_synonym,
    "UP": _parse_boost,
    "DOWN": _parse_boost,
    "FILTER": _parse_filter,
    "DELETE": _parse_deletion,
    "DECORATE": _parse_decoration,
}

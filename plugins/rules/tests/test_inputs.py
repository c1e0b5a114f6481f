import pytest

from qrmiddleware_rules.conditions import holds, wanted
from qrmiddleware_rules.inputs import parse_input, parse_phrase
from qrmiddleware_rules.problems import InvalidTextError
from qrmiddleware_rules.rule import Phrase


def test_a_plain_input_is_its_words():
    assert parse_phrase("garden  hose") == Phrase(("garden", "hose"))


@pytest.mark.parametrize(
    ("text", "at_start", "at_end"),
    [('"garden hose"', True, True), ('"garden hose', True, False), ('garden hose"', False, True)],
)
def test_quotation_marks_are_boundaries(text, at_start, at_end):
    assert parse_phrase(text) == Phrase(("garden", "hose"), at_start=at_start, at_end=at_end)


def test_an_asterisk_at_the_end_is_a_wildcard():
    assert parse_phrase("garden ho*") == Phrase(("garden", "ho"), wildcard=True)


def test_a_boundary_at_the_start_goes_with_a_wildcard():
    assert parse_phrase('"ho*') == Phrase(("ho",), wildcard=True, at_start=True)


def test_escaped_characters_are_themselves():
    phrase = parse_phrase(r"\"4\*4\" \#1 c\\d 27\"")

    assert phrase == Phrase(('"4*4"', "#1", "c\\d", '27"'))


@pytest.mark.parametrize(
    ("text", "column", "said"),
    [
        ("", 1, "words are expected"),
        ('""', 1, "words are expected"),
        ("ho* pipe", 3, "may only end the input"),
        ("h*se", 2, "may only end the input"),
        ("garden *", 8, "letters are expected"),
        ('ho*"', 3, "closing"),
        (r"ho\se", 3, "is no escape"),
        ("hose\\", 5, "is no escape"),
    ],
)
def test_an_input_that_cannot_be_read_says_where_and_why(text, column, said):
    with pytest.raises(InvalidTextError, match=said) as raised:
        parse_phrase(text)

    assert raised.value.column == column


@pytest.mark.parametrize(
    ("text", "found", "expected"),
    [
        ("hose AND reel", {"hose"}, False),
        ("hose AND reel", {"hose", "reel"}, True),
        ("hose OR pipe AND reel", {"hose"}, True),
        ("hose OR pipe AND reel", {"pipe"}, False),
        ("(hose OR pipe) AND reel", {"pipe", "reel"}, True),
        ("hose AND NOT reel", {"hose", "reel"}, False),
        ("hose AND NOT (reel OR cart)", {"hose", "cart"}, False),
        ("hose AND NOT (reel OR cart)", {"hose"}, True),
        ("NOT NOT hose", {"hose"}, True),
    ],
)
def test_conditions_hold_as_written(text, found, expected):
    rule_input = parse_input(text)

    numbers = {n for n, phrase in enumerate(rule_input.phrases) if phrase.words[0] in found}
    assert holds(rule_input.expression, numbers) is expected


def test_a_condition_is_made_of_phrases_with_boundaries_and_wildcards():
    rule_input = parse_input('"garden hose AND NOT (reel OR ca*)')

    assert rule_input.is_boolean
    assert rule_input.phrases == (
        Phrase(("garden", "hose"), at_start=True),
        Phrase(("reel",)),
        Phrase(("ca",), wildcard=True),
    )
    assert wanted(rule_input.expression) == {0}


def test_operators_count_in_capitals_only_and_can_be_escaped():
    assert parse_input("rock and roll").phrases == (Phrase(("rock", "and", "roll")),)
    assert parse_input(r"ROCK \AND ROLL").phrases == (Phrase(("ROCK", "AND", "ROLL")),)


def test_parentheses_without_operators_are_words():
    assert parse_input("hose (green)").phrases == (Phrase(("hose", "(green)")),)


@pytest.mark.parametrize(
    ("text", "column", "said"),
    [
        ("AND hose", 1, "must stand before AND"),
        ("hose AND", 6, "ends with AND"),
        ("hose AND OR reel", 10, "must stand before OR"),
        ("hose NOT reel", 6, "must stand before NOT"),
        ("(hose OR reel", 1, "never closed"),
        ("hose OR reel)", 13, "no parenthesis was opened"),
        ("hose AND (reel) cart", 17, "must stand before cart"),
        ("NOT hose", 1, "every query"),
        ("hose OR NOT reel", 1, "every query"),
        ("hose AND re*l", 12, "may only end"),
    ],
)
def test_a_condition_that_cannot_be_read_says_where_and_why(text, column, said):
    with pytest.raises(InvalidTextError, match=said) as raised:
        parse_input(text)

    assert raised.value.column == column


def test_thousands_of_parentheses_are_no_problem():
    deep = "(" * 5000 + "hose" + ")" * 5000 + " AND reel"

    assert holds(parse_input(deep).expression, {0, 1})

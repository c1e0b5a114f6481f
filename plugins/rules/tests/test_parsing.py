from textwrap import dedent

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qrmiddleware import Boost, Restriction
from qrmiddleware_rules.parsing import parse_rules
from qrmiddleware_rules.properties import has_value, look_up
from qrmiddleware_rules.rule import Synonym

SNIPPETS = st.sampled_from(
    [
        "=>", "a b =>", '"a =>', "a* =>", "a AND NOT (b OR c) =>", "SYNONYM: x", "SYNONYM(0.5): $1",
        "UP(2): a:b", "DOWN: * {", "FILTER: -x", "DELETE", "DELETE: a", "DECORATE: y", "@a: 1",
        "@{", "}@", "@_id: 'x'", "@enabled: 3", "\\", "#", "(", ")", "*", '"', "\n", " ", "$1", "{",
    ]
)  # fmt: skip


def parse(text):
    return parse_rules(dedent(text), name="shop.txt")


def places(text):
    return [(problem.line, problem.column) for problem in parse(text).problems]


def test_a_rule_is_an_input_with_its_instructions():
    parsed = parse("""\
        # what people call a hose
        garden hose =>
            SYNONYM(0.5): pipe
            UP: long
            FILTER: -reel  # never a reel

        tube =>
        DELETE
    """)

    assert parsed.problems == ()
    hose, tube = parsed.rules
    assert hose.input.phrases[0].words == ("garden", "hose")
    assert hose.synonyms == (Synonym("pipe", 0.5, 3),)
    assert hose.effects == (
        Boost(text="long", note="shop.txt:2"),
        Restriction(text="reel", excludes=True, note="shop.txt:2"),
    )
    assert tube.line == 7
    assert tube.deletions == {(0, 0)}


def test_a_hash_that_is_escaped_begins_no_comment():
    (rule,) = parse("c\\# =>\n  SYNONYM: c sharp # as spoken").rules

    assert rule.input.phrases[0].words == ("c#",)
    assert rule.synonyms[0].text == "c sharp"


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_may_end_as_on_any_system(end):
    parsed = parse(f"hose =>{end}SYNONYM: pipe{end}WRONG")

    assert [problem.line for problem in parsed.problems] == [3]


def test_properties_come_one_by_one_or_in_a_block():
    (rule,) = parse("""\
        hose =>
            SYNONYM: pipe
            @_id: "H1"
            @"enabled": true
            @{
                'group': "garden", priority: 10,
                tenant: ["de",\t"at"],
                culture: {lang: "de", note: "a: b"},
            }@
    """).rules

    assert rule.properties == {
        "_id": "H1",
        "enabled": True,
        "group": "garden",
        "priority": 10,
        "tenant": ["de", "at"],
        "culture": {"lang": "de", "note": "a: b"},
    }
    assert rule.note == "H1 (shop.txt:1)"


def test_the_note_has_the_id_the_log_message_and_the_place():
    (rule,) = parse('hose =>\n UP: long\n @_id: 7\n @_log: "by Ada"\n').rules

    assert rule.note == "7: by Ada (shop.txt:1)"
    assert rule.effects[0].note == rule.note


def test_properties_are_looked_up_by_path():
    properties = {"tenant": ["de", "at"], "culture": {"lang": "de"}, "a.b": 1}

    assert look_up(properties, "culture.lang") == "de"
    assert look_up(properties, "a.b") == 1
    assert look_up(properties, "tenant.x") is None
    assert has_value(properties, "tenant", "at")
    assert not has_value(properties, "culture.lang", "en")
    assert has_value(properties, "absent", "anything")


def test_every_error_of_a_file_is_reported_and_good_rules_are_kept():
    text = """\
        SYNONYM: before any input
        ho* se =>
            SYNONYM: pipe
            SINONYM: pipe
        hose => SYNONYM: pipe
        reel =>
            UP: long
            @enabled: "yes"
        cart =>
            UP: wheels
    """

    assert places(text) == [(1, 1), (2, 3), (4, 5), (5, 8), (8, 1)]
    assert [rule.input.text for rule in parse(text).rules] == ["cart"]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("@", "expected '@name: value'"),
        ("@priority", "expected '@name: value'"),
        ("@priority: ten", "must be JSON"),
        ("@priority: " + "[" * 100_000, "nested too deeply"),
        ("@_id: [1]", "'_id' must be a text"),
        ("@{ priority }@", "must be JSON"),
        ("@{ priority: 1, priority: 2 }@", "twice"),
        ("@{ priority: 1", "never closed"),
        ("@{ priority: 1 }@\n@priority: 2", "already set"),
    ],
)
def test_properties_that_cannot_be_read_say_why(line, said):
    (problem,) = parse(f"hose =>\nUP: long\n{line}").problems

    assert said in problem.message


@given(st.text() | st.lists(SNIPPETS, max_size=30).map("".join) | st.lists(SNIPPETS).map("\n".join))
def test_no_text_makes_the_parser_raise(text):
    parsed = parse_rules(text, name="shop.txt")

    lines = text.count("\n") + text.count("\r") + 1
    assert all(1 <= problem.line <= lines and problem.column >= 1 for problem in parsed.problems)

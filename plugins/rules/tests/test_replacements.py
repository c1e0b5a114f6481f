import pytest
from hypothesis import given
from hypothesis import strategies as st

from qrmiddleware_rules.replacements import Replacer, parse_replacements
from qrmiddleware_rules.words import fold_case, keep_case


def replaced(rules, query, fold=fold_case):
    parsed = parse_replacements(rules, name="spelling.txt", fold=fold)
    assert parsed.problems == ()
    return " ".join(Replacer(parsed.replacements, fold).apply(query.split()).words)


def test_inputs_with_one_output_are_divided_by_semicolons_or_tabs():
    rules = "# spelling\n\nhoses; hsoe\tho se => hose"

    assert replaced(rules, "green hoses") == "green hose"
    assert replaced(rules, "HSOE ho se hosepipe") == "hose hose hosepipe"


def test_input_and_output_may_have_several_words():
    assert replaced("cheapest water pipes => cheap hose", "the Cheapest water pipes") == (
        "the cheap hose"
    )


def test_words_are_removed_by_an_empty_output():
    assert replaced("the =>\n/; , =>\n+ => plus", "the hose / reel + cart") == "hose reel plus cart"


def test_the_longest_input_wins_then_the_leftmost():
    rules = "a b => x\nb c d => y\nd e f => z"

    assert replaced(rules, "a b c d") == "a y"
    assert replaced(rules, "b c d e f") == "y e f"


def test_a_prefix_rule_also_matches_the_prefix_alone():
    assert replaced("cheap* => cheap", "cheapest cheap cheaply") == "cheap cheap cheap"


def test_the_rest_of_a_word_can_be_used_in_the_output():
    assert replaced("hsoe* => hose $1", "hsoereel") == "hose reel"
    assert replaced("*reels => $1reel", "Hosereels") == "hosereel"
    assert replaced("*. => $1", "hose.") == "hose"
    assert replaced("*) => $1\n(* => $1", "hose (2018)") == "hose 2018"


def test_nothing_is_left_of_a_word_that_was_all_affix():
    assert replaced("*. => $1", "hose .") == "hose"


def test_the_longest_affix_wins():
    assert replaced("ho* => short\nhos* => long", "hose") == "long"


def test_plain_rules_come_before_suffixes_and_those_before_prefixes():
    rules = "ab => cb\n*b => $1d\nc* => e$1"

    assert replaced(rules, "ab") == "ed"


def test_case_can_be_made_to_matter():
    assert replaced("Hose => pipe", "hose Hose", keep_case) == "hose pipe"


def test_a_hash_within_a_line_is_text():
    assert replaced("c# => c sharp", "c#") == "c sharp"


@pytest.mark.parametrize(
    ("line", "column", "said"),
    [
        ("  hose", 3, "expected 'words => other words'"),
        ("=> hose", 1, "words are expected"),
        ("; => hose", 1, "words are expected"),
        ("a => b => c", 8, "second '=>'"),
        ("* => hose", 1, "one wildcard"),
        ("*ose* => hose", 1, "one wildcard"),
        ("ho** => hose", 1, "one wildcard"),
        ("garden ho* => hose", 1, "one word"),
        ("ho*; hs* => hose", 6, "one input"),
        ("hose => $1", 9, "needs a"),
    ],
)
def test_a_line_that_cannot_be_read_says_where_and_why(line, column, said):
    (problem,) = parse_replacements(f"\n{line}", name="s.txt", fold=fold_case).problems

    assert (problem.line, problem.column) == (2, column)
    assert said in problem.message


def test_the_same_input_cannot_be_replaced_twice():
    parsed = parse_replacements("hose => a\nHose;reel => b", name="s.txt", fold=fold_case)

    (problem,) = parsed.problems
    assert (problem.line, problem.column) == (2, 1)
    assert "line 1" in problem.message


@given(st.text())
def test_no_text_makes_the_parser_raise(text):
    parse_replacements(text, name="s.txt", fold=fold_case)


@given(
    st.lists(st.tuples(st.sampled_from(["a", "b", "c", "d"]), st.sampled_from(["x", "y", "z"]))),
    st.lists(st.sampled_from(["a", "b", "c", "d", "e", "A"])),
)
def test_replaced_words_come_from_the_query_or_the_rules(pairs, query):
    lines = {left: f"{left} => {right}" for left, right in pairs}
    parsed = parse_replacements("\n".join(lines.values()), name="s.txt", fold=fold_case)

    words = Replacer(parsed.replacements, fold_case).apply(query).words

    assert len(words) == len(query)
    assert set(words) <= set(query) | {right for _, right in pairs}

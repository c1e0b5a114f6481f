from textwrap import dedent

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qrmiddleware import Boost, Restriction, Rewrite
from qrmiddleware_rules.parsing import parse_rules
from qrmiddleware_rules.replacements import parse_replacements
from qrmiddleware_rules.ruleset import RuleSet, Selection, fold_of

WORDS = st.sampled_from(["a", "b", "c", "ab", "abc", "A", "B"])
INPUTS = st.sampled_from(["a", "b", "a b", "b a", '"a', 'a"', '"c"', "a*", "b a*", "a AND NOT c"])
INSTRUCTIONS = st.sampled_from(["SYNONYM(0.4): x y", "SYNONYM: z", "DELETE", "UP: x", "FILTER: -y"])


def rule_set(rules, replace="", *, ignore_case=True, where=(), sort=None, max_rules=None):
    parsed = parse_rules(dedent(rules), name="r")
    fold = fold_of(ignore_case=ignore_case)
    replaced = parse_replacements(dedent(replace), name="p", fold=fold)
    assert parsed.problems == replaced.problems == ()
    selection = Selection(dict(where), sort, max_rules)
    return RuleSet(
        parsed.rules, replaced.replacements, ignore_case=ignore_case, selection=selection
    )


def propose(rules, query, replace="", *, limit=10, **options):
    return rule_set(rules, replace, **options).propose(query, limit=limit)


def texts(rules, query, replace="", **options):
    proposals = propose(rules, query, replace, **options)
    return [("=" if one.replaces else "+") + one.text for one in proposals]


def test_a_synonym_takes_the_place_of_the_words_it_stands_for():
    (rewrite,) = propose("garden hose =>\n SYNONYM(0.5): water pipe", "long Garden HOSE Green")

    assert rewrite == Rewrite("long water pipe Green", weight=0.5, note="r:1")


def test_nothing_is_proposed_where_nothing_matches():
    assert propose("garden hose =>\n SYNONYM: pipe", "hose garden") == []
    assert propose("garden hose =>\n SYNONYM: pipe", "garden long hose") == []
    assert propose("garden hose =>\n SYNONYM: pipe", "  ") == []


def test_case_matters_if_asked_for():
    rules = "Hose =>\n SYNONYM: pipe"

    assert texts(rules, "hose") == ["+pipe"]
    assert texts(rules, "hose", ignore_case=False) == []
    assert texts(rules, "Hose", ignore_case=False) == ["+pipe"]


def test_words_are_the_same_however_their_accents_are_encoded():
    assert texts("caf\u00e9 =>\n SYNONYM: bistro", "cafe\u0301") == ["+bistro"]


@pytest.mark.parametrize(
    ("rule_input", "matching"),
    [
        ("hose", ["hose", "hose b", "a hose", "a hose b"]),
        ('"hose', ["hose", "hose b"]),
        ('hose"', ["hose", "a hose"]),
        ('"hose"', ["hose"]),
    ],
)
def test_boundaries_hold_a_rule_to_the_ends_of_the_query(rule_input, matching):
    queries = ["hose", "hose b", "a hose", "a hose b"]
    rules = rule_set(f"{rule_input} =>\n UP: long")

    assert [query for query in queries if rules.propose(query, limit=5)] == matching


def test_a_wildcard_matches_one_letter_or_more():
    rules = "garden ho* =>\n SYNONYM: ho $1\n UP: $1"

    assert propose(rules, "garden ho") == []
    assert propose(rules, "GARDEN Hose") == [
        Rewrite("ho se", note="r:1"),
        Boost(text="se", note="r:1"),
    ]


def test_every_wildcard_that_matches_applies():
    assert texts("h* =>\n SYNONYM: x$1\nho* =>\n SYNONYM: y$1", "hose") == ["+xose", "+yse"]


def test_conditions_look_at_the_whole_query():
    rules = "hose AND NOT (reel OR car*) =>\n UP: long"

    assert propose(rules, "green hose") == [Boost(text="long", note="r:1")]
    assert propose(rules, "hose reel") == []
    assert propose(rules, "cart hose") == []


def test_a_condition_may_guard_a_synonym():
    rules = "hose AND NOT reel =>\n SYNONYM: pipe"

    assert texts(rules, "green hose") == ["+green pipe"]
    assert texts(rules, "hose reel") == []


def test_several_synonyms_come_alone_by_weight_and_then_the_best_together():
    rules = """\
        hose =>
          SYNONYM: pipe
          SYNONYM(0.4): tube
        green =>
          SYNONYM(0.5): emerald
    """

    assert propose(rules, "green hose") == [
        Rewrite("green pipe", note="r:1"),
        Rewrite("emerald hose", weight=0.5, note="r:4"),
        Rewrite("emerald pipe", weight=0.5, note="r:1; r:4"),
        Rewrite("green tube", weight=0.4, note="r:1"),
    ]


def test_overlapping_synonyms_are_not_combined():
    rules = "garden hose =>\n SYNONYM: pipe\nhose reel =>\n SYNONYM: cart"

    assert texts(rules, "garden hose reel") == ["+pipe reel", "+garden cart"]


def test_no_more_rewrites_than_the_limit_are_proposed():
    rules = "hose =>\n" + "\n".join(f" SYNONYM: s{number}" for number in range(20))

    assert texts(rules, "hose", limit=3) == ["+s0", "+s1", "+s2"]


def test_weights_above_one_count_as_one():
    assert propose("hose =>\n SYNONYM(7): pipe", "hose")[0].weight == 1.0


def test_deleted_words_are_left_out():
    rules = "cheap hose green =>\n DELETE: cheap green"

    assert propose(rules, "long cheap hose green") == [
        Rewrite("long hose", replaces=True, note="r:1")
    ]


def test_the_only_word_of_a_query_is_not_deleted():
    rules = "cheap =>\n DELETE\nhose =>\n DELETE"

    assert texts(rules, "cheap") == []
    assert texts(rules, "cheap hose") == ["=hose"]


def test_synonyms_are_relative_to_the_wording_without_the_deleted_words():
    rules = "cheap =>\n DELETE\nhose =>\n SYNONYM: pipe"

    assert texts(rules, "cheap hose") == ["=hose", "+pipe"]


def test_a_deleted_word_with_a_synonym_is_replaced_by_it():
    rules = "hsoe =>\n DELETE\n SYNONYM: hose\n SYNONYM(0.5): pipe"

    assert texts(rules, "green hsoe") == ["=green hose", "+green pipe"]
    assert texts(rules, "hsoe") == ["=hose", "+pipe"]


def test_replace_rules_come_first_and_rules_see_what_they_made():
    rules = "hose =>\n SYNONYM: pipe\nhsoe =>\n UP: never"

    assert propose(rules, "green hsoe", "hsoe => hose") == [
        Rewrite("green hose", replaces=True, note="p:1"),
        Rewrite("green pipe", note="r:1"),
    ]


def test_a_query_that_replace_rules_would_empty_is_left_alone():
    assert propose("hose =>\n UP: long", "the", "the =>") == []


def test_boosts_and_filters_are_passed_on_once_however_often_a_rule_matches():
    rules = "hose =>\n UP(3): long\n DOWN: reel\n FILTER: -cart"

    assert propose(rules, "hose and hose") == [
        Boost(text="long", weight=3.0, note="r:1"),
        Boost(text="reel", weight=-1.0, note="r:1"),
        Restriction(text="cart", excludes=True, note="r:1"),
    ]


def test_the_wildcard_is_filled_into_clauses_and_filters():
    rules = 'ho* =>\n UP: kind:$1\n FILTER: * {"term": {"kind": "$1"}}\n FILTER: $1'

    assert propose(rules, 'ho"se') == [
        Boost(clause={"match": {"kind": {"query": '"se', "operator": "and"}}}, note="r:1"),
        Restriction(clause={"term": {"kind": '"se'}}, note="r:1"),
        Restriction(text='"se', note="r:1"),
    ]


def test_rules_can_be_switched_off_and_selected_by_property():
    rules = """\
        hose =>
          SYNONYM: pipe
          @enabled: false
        hose =>
          SYNONYM: tube
          @tenant: ["de", "at"]
        hose =>
          SYNONYM: line
    """

    assert texts(rules, "hose") == ["+tube", "+line"]
    assert texts(rules, "hose", where={"tenant": "at"}) == ["+tube", "+line"]
    assert texts(rules, "hose", where={"tenant": "fr"}) == ["+line"]


def test_the_first_rules_after_sorting_are_applied():
    rules = """\
        hose =>
          SYNONYM: none
        hose =>
          SYNONYM: low
          @priority: 1
        hose =>
          SYNONYM: high
          @priority: 10
    """

    assert texts(rules, "hose", max_rules=1) == ["+none"]
    assert texts(rules, "hose", sort=("priority", True), max_rules=1) == ["+high"]
    assert texts(rules, "hose", sort=("priority", False), max_rules=2) == ["+low", "+high"]


@given(
    st.lists(st.tuples(INPUTS, st.lists(INSTRUCTIONS, min_size=1, max_size=3)), max_size=5),
    st.lists(WORDS, max_size=6),
)
def test_proposals_are_made_of_the_query_and_the_rules_whatever_the_case(pairs, words):
    lines = [line for left, right in pairs for line in (f"{left} =>", *right)]
    rules = rule_set("\n".join(lines))
    query = " ".join(words)

    proposals = rules.propose(query, limit=4)

    rewrites = [one for one in proposals if isinstance(one, Rewrite)]
    assert all(set(one.text.split()) <= {*words, "x", "y", "z"} for one in rewrites)
    assert all(one.text and 0 < one.weight <= 1 and one.note for one in rewrites)
    assert len({one.text.casefold() for one in rewrites}) == len(rewrites)
    assert [one.replaces for one in rewrites[1:]].count(True) == 0
    assert sum(not one.replaces for one in rewrites) <= 4
    upper = rules.propose(query.upper(), limit=4)
    assert [one.text.lower() for one in upper] == [one.text.lower() for one in proposals]

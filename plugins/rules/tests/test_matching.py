import time
from statistics import median

from hypothesis import given
from hypothesis import strategies as st

from qrmiddleware_rules.inputs import parse_input
from qrmiddleware_rules.matching import Index
from qrmiddleware_rules.rule import Rule
from qrmiddleware_rules.words import fold_case

WORD = st.sampled_from(["a", "b", "ab", "abc"])


def index(*inputs):
    rules = [Rule(parse_input(text), number, "") for number, text in enumerate(inputs)]
    return Index(rules, fold_case)


def found(rules, query):
    return [(one.rule.input.text, one.start, one.end) for one in rules.find(query.split())]


def test_matches_come_in_the_order_of_the_rules_then_of_the_query():
    rules = index("b", "a b", "a")

    assert found(rules, "a b a") == [("b", 1, 2), ("a b", 0, 2), ("a", 0, 1), ("a", 2, 3)]


def test_conditions_match_where_their_wanted_phrases_stand():
    rules = index("a AND c AND NOT d")

    assert found(rules, "a b c a") == [
        ("a AND c AND NOT d", 0, 1),
        ("a AND c AND NOT d", 2, 3),
        ("a AND c AND NOT d", 3, 4),
    ]
    assert found(rules, "a c d") == []


@given(
    st.lists(st.tuples(st.lists(WORD, min_size=1, max_size=3), st.booleans()), max_size=6),
    st.lists(WORD, max_size=6),
)
def test_the_index_finds_what_a_look_at_every_rule_finds(phrases, words):
    rules = index(*(" ".join(phrase) + "*" * wildcard for phrase, wildcard in phrases))

    expected = set()
    for number, (phrase, wildcard) in enumerate(phrases):
        for start in range(len(words) - len(phrase) + 1):
            span = words[start : start + len(phrase)]
            ends = span[-1].startswith(phrase[-1]) and len(span[-1]) > len(phrase[-1])
            if span[:-1] == phrase[:-1] and (ends if wildcard else span[-1] == phrase[-1]):
                expected.add((number, start, start + len(phrase)))

    assert {(one.number, one.start, one.end) for one in rules.find(words)} == expected


def test_ten_thousand_rules_cost_a_query_far_less_than_a_millisecond():
    words = [f"word{number * 7919 % 20_000}" for number in range(20_000)]
    rules = index(*(" ".join(words[n : n + 1 + n % 3]) for n in range(10_000)))
    queries = [words[number : number + 4] for number in range(0, 20_000, 40)]

    def microseconds(query):
        started = time.perf_counter_ns()
        rules.find(query)
        return (time.perf_counter_ns() - started) / 1000

    assert median(map(microseconds, queries)) < 500

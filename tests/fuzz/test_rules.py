"""Rule files of any kind: read with every problem's place, and rules that match any query."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qrmiddleware.errors import ConfigError
from qrmiddleware_rules.parsing import parse_rules
from qrmiddleware_rules.replacements import parse_replacements
from qrmiddleware_rules.ruleset import Selection, read_rule_set
from qrmiddleware_rules.words import fold_case

PIECES = (
    *(
        "laptop",
        "personal comp*",
        '"red',
        'shoe"',
        " => ",
        "=>",
        "\n",
        "\n  ",
        "SYNONYM",
        "SYNONYM(0.5)",
    ),
    *(
        ": ",
        "UP(2): ",
        "DOWN(1e999): ",
        "FILTER: ",
        "DELETE",
        "DECORATE: ",
        "@",
        "@{",
        "}@",
        '"_id": ',
    ),
    *(
        "priority: 1",
        "{",
        "}",
        "[",
        "]",
        "* {",
        '"term": {"a": "b"}}',
        "$1",
        "%%x%%",
        "\\",
        "\\*",
        "#",
    ),
    *(
        "AND",
        "OR",
        "NOT",
        "(",
        ")",
        "-",
        "+",
        "category:a",
        "{a,b}:c",
        "*",
        '"',
        "'",
        "\t",
        "\r",
        "\ufeff",
    ),
    *(
        "\u2028",
        "\ud800",
        "\x00",
        "İ",
        "ß",
        "9" * 400,
        "9" * 5_000,
        "NaN",
        "1e999",
        "\u0661",
        "a" * 300,
    ),
)
QUERIES = st.text(max_size=30) | st.lists(
    st.sampled_from(["laptop", "red", "shoe", "personal", "computer", "\ud800", "İ", "", "\u2003"])
).map(" ".join)
SELECTION = Selection(where={"tenant": "a"}, sort=("priority", True), max_rules=3)


def text_of(seed: int) -> str:
    """Pieces of rules in any order, rules that are well made among them."""
    rng = random.Random(seed)  # noqa: S311 can be repeated
    parts: list[str] = []
    for _ in range(rng.randint(0, 12)):
        if rng.random() < 0.3:
            parts.append("\nlaptop =>\n  SYNONYM(0.5): notebook\n  UP: acme\n@priority: 3\n")
        parts.append(rng.choice(PIECES))
    return "".join(parts)


TEXTS = st.integers(0, 2**48).map(text_of) | st.text(max_size=200)


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    return tmp_path_factory.mktemp("rules") / "rules.txt"


@contextmanager
def refused_at(place: object) -> Iterator[None]:
    """Let a refusal pass that begins with its place."""
    try:
        yield
    except ConfigError as error:
        if not str(error).startswith(str(place)):
            raise


@given(TEXTS)
def test_any_text_is_read_and_every_problem_has_its_place(text):
    parsed = parse_rules(text, name="rules.txt")

    lines = text.count("\n") + text.count("\r") + 1
    assert all(1 <= problem.line <= lines and problem.column >= 1 for problem in parsed.problems)
    assert all(1 <= rule.line <= lines for rule in parsed.rules)


@given(TEXTS)
def test_any_text_is_read_as_replacements(text):
    parse_replacements(text, name="replace.txt", fold=fold_case)


@given(TEXTS, QUERIES)
def test_rules_that_can_be_read_answer_any_query(file, text, query):
    file.write_bytes(text.encode("utf-8", "surrogatepass"))
    with refused_at(f"{file}:"):
        rules = read_rule_set([file], [], ignore_case=True, selection=SELECTION)

        assert len(rules.propose(query, limit=10)) <= 10


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused_with_their_place(file, data):
    file.write_bytes(data)
    with refused_at(f"{file}:"):
        read_rule_set([file], [], ignore_case=True, selection=SELECTION)


@pytest.mark.parametrize(
    "text",
    [
        "a =>\n  FILTER: * " + '{"bool":' * 50_000 + "1" + "}" * 50_000,
        "a =>\n@{ " + "x: {" * 2_000 + "}" * 2_000 + " }@",
        "(" * 20_000 + "a" + ")" * 20_000 + " AND b =>\n  UP: c\n",
        "NOT " * 20_001 + "a AND b =>\n  UP: c\n",
        " AND ".join(f"w{n}" for n in range(20_000)) + " =>\n  UP: c\n",
        "a =>\n" + "  SYNONYM: b\n" * 50_000,
        "a" * 1_000_000 + " =>\n  SYNONYM: b\n",
        "a =>\n  SYNONYM: " + "\\\\" * 500_000 + "\n",
        "@" + '"' * 200_000 + ": 1",
        "a =>\n@{ " + '"' * 20_001 + " }@",
        "a =>\n@x: " + "9" * 1_000_000,
    ],
    ids=[
        *("deep clause", "deep properties", "parentheses", "nots", "ands", "synonyms", "long word"),
        *("escapes", "quotes", "open quotes", "long number"),
    ],
)  # fmt: skip
def test_a_bomb_costs_no_more_than_its_size(file, text):
    file.write_text(text)
    began = process_time()
    try:
        rules = read_rule_set([file], [], ignore_case=True, selection=SELECTION)
    except ConfigError:
        pass
    else:
        rules.propose(" ".join(f"w{n}" for n in range(1_000)), limit=10)

    assert process_time() - began < 10

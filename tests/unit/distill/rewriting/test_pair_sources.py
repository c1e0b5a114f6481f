import json

import pytest

from qrmiddleware.distill.rewriting.pair_sources import Found, Reading, objection, read_source
from qrmiddleware.distill.rewriting.query_pairs import QueryProducts
from qrmiddleware.distill.rewriting.rows import RewritePair
from qrmiddleware.errors import ConfigError


@pytest.fixture
def write(tmp_path):
    def make(name, *rows):
        file = tmp_path / name
        lines = (row if isinstance(row, str) else json.dumps(row) for row in rows)
        file.write_text("".join(f"{line}\n" for line in lines))
        return file

    return make


def test_reads_lists_of_products_that_say_what_is_wanted(write):
    file = write(
        "q.jsonl",
        {"query": " red  sofa ", "product_ids": ["a", "a", "b"], "subset": "train"},
        {"query": "lamp", "product_ids": ["x"], "subset": "Video_Games"},
        {"query": "rug", "product_ids": [], "subset": "Others"},
    )

    told = read_source(file, Reading(where={"subset": {"train", "Others"}}))

    assert told.queries == (
        QueryProducts("red sofa", frozenset("ab")),
        QueryProducts("rug", frozenset()),
    )


def test_reads_judgments_row_by_row(write):
    file = write(
        "rows.jsonl",
        {"query": "sofa", "product_id": "a", "esci_label": "E"},
        {"query": "sofa", "product_id": "b", "esci_label": "S"},
        {"query": "sofa", "product_id": "c", "esci_label": "C"},
        {"query": "lamp", "doc_id": 7, "grade": 2},
        {"query": "lamp", "doc_id": 8, "grade": 0},
        {"query": "rug", "doc_id": "r"},
    )

    assert read_source(file, Reading()).queries == (
        QueryProducts("sofa", frozenset("ab")),
        QueryProducts("lamp", frozenset("7")),
        QueryProducts("rug", frozenset("r")),
    )
    only_exact = read_source(file, Reading(relevant={"E"}))
    assert only_exact.queries[0].doc_ids == frozenset("a")


def test_boolean_rewrites_become_plain_ones_and_junk_is_counted(write):
    file = write(
        "teacher.jsonl",
        {"query": "led wire", "rewrite": "LED AND (race OR wire)", "reasoning": "because"},
        {"query": "hat", "rewrite": "hat AND ("},
        {"query": "cap", "rewrite": " ".join(f"word{n}" for n in range(30))},
        {"query": "led race", "rewrite": "LED AND (race OR wire)", "source": "gpt"},
    )

    told = read_source(file, Reading())

    assert told.pairs == (
        RewritePair(query="led wire", rewrite="LED race", source="teacher"),
        RewritePair(query="led race", rewrite="LED wire", source="gpt"),
    )
    assert told.dropped == {"echo": 2, "unreadable": 1, "too long": 1}


def test_reads_two_columns_with_or_without_a_heading(write):
    file = write("people.tsv", "instruction\tquery", "a large white shirt\tlarge shirt", "x\tX")

    told = read_source(file, Reading())

    assert told.pairs == (
        RewritePair(query="a large white shirt", rewrite="large shirt", source="people"),
    )
    assert told.dropped == {"echo": 1}
    with pytest.raises(ConfigError, match=r"people.tsv:2: expected a query, a tab and a rewrite"):
        read_source(write("people.tsv", "a\tb", "c"), Reading())


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ("{", "not JSON"),
        ("[]", "expected an object, found list"),
        ({"query": 7, "product_ids": []}, "expected a text as query"),
        ({"query": "a", "product_ids": "b"}, "expected a list of product_ids"),
        ({"query": "a"}, "expected product_ids, a product_id, or a rewrite"),
        ({"query": "a", "rewrite": None}, "expected a text as rewrite"),
    ],
)
def test_a_line_that_is_none_is_named(write, row, problem):
    with pytest.raises(ConfigError, match=rf"bad.jsonl:1: {problem}"):
        read_source(write("bad.jsonl", row), Reading())


def test_files_that_are_missing_or_empty_are_named(write, tmp_path):
    with pytest.raises(ConfigError, match="holds no line"):
        read_source(write("none.jsonl"), Reading())
    with pytest.raises(ConfigError, match="cannot be read"):
        read_source(tmp_path / "no.jsonl", Reading())
    with pytest.raises(ConfigError, match="cannot be read as pairs"):
        read_source(tmp_path / "no.tsv", Reading())


def test_what_several_files_say_adds_up():
    one = Found((QueryProducts("a", frozenset()),), (), {"echo": 1})
    other = Found((), (RewritePair(query="a", rewrite="b"),), {"echo": 2, "empty": 1})

    assert one + other == Found(one.queries, other.pairs, {"echo": 3, "empty": 1})


def test_says_what_speaks_against_a_rewrite():
    assert objection("red sofa", "red couch") == ""
    assert objection("red sofa", " Red  SOFA!") == "echo"
    assert objection("red sofa", " ") == "empty"

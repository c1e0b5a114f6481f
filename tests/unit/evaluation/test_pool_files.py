"""Pools in files: written, judged by somebody, and read again."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qrmiddleware.evaluation.collection import JudgedQuery
from qrmiddleware.evaluation.pool_files import (
    PoolFileError,
    format_of,
    read_pool,
    read_sources,
    write_merged,
    write_pool,
)
from qrmiddleware.evaluation.pooling import PooledPair, merge_judgments

PAIR = PooledPair("q1", "laptop", "x", {"title": "Tab"}, {"alone": 2, "with rules": 1}, 2, "anna")
WORDS = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=9)
PAIRS = st.lists(
    st.builds(
        PooledPair,
        WORDS,
        WORDS,
        WORDS,
        st.dictionaries(st.sampled_from(["title", "brand"]), WORDS),
        st.dictionaries(st.sampled_from(["alone", "with rules", "a@b"]), st.integers(1, 99)),
        st.none() | st.integers(-1, 4),
        st.sampled_from(["", "anna", "llm:m:1"]),
    )
)


@given(pairs=PAIRS, kind=st.sampled_from(["tsv", "jsonl"]))
def test_what_is_written_is_read_again(tmp_path_factory, pairs, kind):
    path = tmp_path_factory.mktemp("pool") / f"pool.{kind}"

    write_pool(path, pairs, kind)

    assert list(read_pool(path)) == pairs


def test_a_table_has_a_column_for_the_relevance_and_tells_the_arms_last(tmp_path):
    write_pool(tmp_path / "pool.tsv", [PAIR], "tsv")

    head, row = (tmp_path / "pool.tsv").read_text().splitlines()
    assert head.split("\t") == [
        "query_id", "query", "doc_id", "title", "relevance", "source", "found_by"
    ]  # fmt: skip
    assert row.split("\t")[-1] == "alone@2 with rules@1"


@pytest.mark.parametrize("kind", ["tsv", "jsonl"])
def test_a_blind_pool_does_not_tell_the_arms(tmp_path, kind):
    write_pool(tmp_path / "pool", [PAIR], kind, blind=True)

    assert "alone" not in (tmp_path / "pool").read_text()


def test_writes_what_quepid_imports_and_reads_what_it_exports(tmp_path):
    path = tmp_path / "ratings.csv"
    write_pool(path, [PAIR, PooledPair("q2", 'a "big", red sofa', "y")], "quepid")

    assert path.read_text() == 'query,docid,rating\nlaptop,x,2\n"a ""big"", red sofa",y,\n'
    queries = [JudgedQuery("q1", "laptop"), JudgedQuery("q2", 'a "big", red sofa')]
    assert [(p.query_id, p.relevance) for p in read_pool(path, queries)] == [
        ("q1", 2),
        ("q2", None),
    ]


@pytest.mark.parametrize(
    ("queries", "found"),
    [([], "no query of the collection"), (["q1", "q2"], "2 queries")],
)
def test_a_text_that_is_not_one_query_is_an_error(tmp_path, queries, found):
    (tmp_path / "ratings.csv").write_text("query,docid,rating\nlaptop,x,2\n")

    with pytest.raises(PoolFileError, match=rf"ratings.csv:2: {found} with the text 'laptop'"):
        list(read_pool(tmp_path / "ratings.csv", [JudgedQuery(q, "laptop") for q in queries]))


def test_reads_a_spreadsheets_numbers_and_marks(tmp_path):
    (tmp_path / "pool.tsv").write_text("\ufeffquery_id\tproduct_id\tgrade\r\nq1\tx\t2.0\r\n\r\n")

    (pair,) = read_pool(tmp_path / "pool.tsv", [JudgedQuery("q1", "laptop")])

    assert (pair.query, pair.doc_id, pair.relevance) == ("laptop", "x", 2)


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("p.tsv", "query_id\trelevance\nq1\t1\n", "expected a column doc_id or product_id"),
        ("p.tsv", "", "expected a column query_id"),
        ("p.tsv", "query_id\tdoc_id\trelevance\nq1\tx\n", r"p.tsv:2: 2 cells under 3 columns"),
        ("p.tsv", "query_id\tdoc_id\trelevance\nq1\tx\tgood\n", "p.tsv:2: .* not 'good'"),
        ("p.tsv", "query_id\tdoc_id\trelevance\nq1\tx\t1.5\n", "p.tsv:2: .* not '1.5'"),
        ("p.tsv", "query_id\tdoc_id\trelevance\nq1\t\t1\n", "p.tsv:2: no doc_id"),
        ("p.jsonl", "{\n", "p.jsonl:1: not JSON"),
        ("p.jsonl", "\n[1]\n", r"p.jsonl:2: expected an object, found \[1\]"),
        ("p.jsonl", '{"query_id": "q", "doc_id": "x", "relevance": true}', "not 'True'"),
    ],
)
def test_says_where_a_file_is_wrong(tmp_path, name, text, problem):
    (tmp_path / name).write_text(text)

    with pytest.raises(PoolFileError, match=problem):
        list(read_pool(tmp_path / name))


def test_says_that_a_file_is_missing_or_no_text(tmp_path):
    (tmp_path / "p.tsv").write_bytes(b"\xff\xfe\x00")

    with pytest.raises(PoolFileError, match="no such file"):
        list(read_pool(tmp_path / "none.tsv"))
    with pytest.raises(PoolFileError, match="not a text file"):
        list(read_pool(tmp_path / "p.tsv"))


def test_tells_the_format_by_the_name():
    assert format_of(Path("a.tsv")) == "tsv"
    assert format_of(Path("a.csv")) == "quepid"
    with pytest.raises(PoolFileError, match=r"a.xlsx: a pool is .tsv"):
        format_of(Path("a.xlsx"))


def test_a_merged_collection_tells_its_sources_and_keeps_them(tmp_path, judged):
    merged = merge_judgments(judged, {}, [PooledPair("q1", "", "x", relevance=2, source="llm:m")])

    write_merged(tmp_path, merged)

    lines = (tmp_path / "judgments.tsv").read_text().splitlines()
    assert lines[:3] == [
        "query_id\tproduct_id\tgrade\tsource",
        "q1\ta\t3\thuman",
        "q1\tb\t0\thuman",
    ]
    sources = read_sources(tmp_path)
    assert sources["q1", "x"] == "llm:m"
    assert sources == read_sources(tmp_path / "judgments.tsv")
    queries = [json.loads(line) for line in (tmp_path / "queries.jsonl").read_text().splitlines()]
    assert queries[0] == {"query_id": "q1", "query": "laptop", "fold": 0}
    assert "fold" not in queries[2]


def test_other_formats_tell_no_sources(tmp_path):
    (tmp_path / "judgments.tsv").write_text("query_id\tproduct_id\tgrade\nq1\ta\t3\n")
    (tmp_path / "ratings.csv").write_text("query,docid,rating\n")

    assert read_sources(tmp_path) == {}
    assert read_sources(tmp_path / "ratings.csv") == {}

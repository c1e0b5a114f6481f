import io
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from qrmiddleware import ConfigError
from qrmiddleware_rewrite_table.files import (
    MAX_LINE_BYTES,
    BadRow,
    Columns,
    Format,
    read_rows,
    write_rows,
)
from qrmiddleware_rewrite_table.table import Entry


def read(text, format_, columns=None):
    raw = text if isinstance(text, bytes) else text.encode()
    return list(read_rows(io.BytesIO(raw), format_, columns))


def test_tsv_needs_no_header_and_no_score():
    assert read("Red Shoe\tscarlet  shoe\t0.5\r\nhat\tcap\n", Format.TSV) == [
        Entry("Red Shoe", "scarlet shoe", 0.5),
        Entry("hat", "cap", 1.0),
    ]


def test_a_tsv_header_says_which_column_is_which():
    text = "\ufeffscore\trewrite\tsource\tquery\n0.25\tcap\tme\that\n"

    assert read(text, Format.TSV) == [Entry("hat", "cap", 0.25)]


def test_columns_may_have_other_names():
    tsv = "asked\tbought\nhat\tcap\n"
    jsonl = '{"asked": "hat", "bought": "cap"}\n'

    assert read(tsv, Format.TSV, Columns("asked", "bought")) == [Entry("hat", "cap", 1.0)]
    assert read(jsonl, Format.JSONL, Columns("asked", "bought")) == [Entry("hat", "cap", 1.0)]


def test_a_tsv_file_without_the_named_columns_is_refused():
    with pytest.raises(ConfigError, match="no columns 'asked' and 'bought'"):
        read("hat\tcap\n", Format.TSV, Columns("asked", "bought"))


def test_jsonl_holds_all_rewrites_of_a_query_or_one():
    text = """
        {"query": "hat", "rewrites": [{"text": "cap", "score": 0.5}, {"text": "beret"}, "fez"]}

        {"query": "hat", "rewrite": "bonnet", "score": "0.25"}
    """

    assert read(text, Format.JSONL) == [
        Entry("hat", "cap", 0.5),
        Entry("hat", "beret", 1.0),
        Entry("hat", "fez", 1.0),
        Entry("hat", "bonnet", 0.25),
    ]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("hat", "1 column(s) where there should be 2 or 3"),
        ("a\tb\t1\td", "4 column(s) where there should be 2 or 3"),
        ("\tcap\t1", "the query is empty"),
        ("hat\t \t1", "the rewrite is empty"),
        ("hat\tcap\tgood", "the score 'good' is not a finite number"),
        ("hat\tcap\tnan", "the score 'nan' is not a finite number"),
        (b"hat\tc\xe4p\t1", "not UTF-8"),
        (b"x" * (3 * MAX_LINE_BYTES), f"longer than {MAX_LINE_BYTES} bytes"),
    ],
)
def test_a_bad_tsv_line_is_reported_with_its_number_and_the_next_is_read(line, problem):
    raw = line if isinstance(line, bytes) else line.encode()

    rows = read(b"a\tb\t1\n" + raw + b"\nc\td\t1\n", Format.TSV)

    assert rows == [Entry("a", "b", 1.0), BadRow("line 2", problem), Entry("c", "d", 1.0)]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("{", "not JSON (Expecting property name"),
        ("[" * 200_000, "not JSON ("),
        ("[1]", "not a JSON object but a list"),
        ("{}", "the query is missing, not text"),
        ('{"query": 7, "rewrite": "b"}', "the query is a int, not text"),
        ('{"query": "a", "rewrites": [7]}', "a rewrite is a int, not text or an object"),
        ('{"query": "a", "rewrite": "b", "score": true}', "the score 'True' is not a finite"),
        ('{"query": "a", "rewrite": "b", "score": 1e999}', "the score 'inf' is not a finite"),
        (f'{{"query": "a", "rewrite": "b", "score": {"9" * 400}}}', "the score '999"),
        (r'{"query": "a", "rewrite": "\ud800"}', "the rewrite holds half a character"),
    ],
)
def test_a_bad_jsonl_line_is_reported_with_its_number_and_the_next_is_read(line, problem):
    bad, good = read(line + '\n{"query": "c", "rewrite": "d"}\n', Format.JSONL)

    assert bad.where == "line 1"
    assert bad.problem.startswith(problem)
    assert good == Entry("c", "d", 1.0)


def test_parquet_rows_are_numbered_and_may_lack_scores(tmp_path: Path):
    path = tmp_path / "rewrites.parquet"
    columns = {"query": ["hat", None, "shoe"], "rewrite": ["cap", "x", "boot"]}
    pq.write_table(pa.table(columns), path)

    with path.open("rb") as file:
        rows = list(read_rows(file, Format.PARQUET))

    assert rows == [
        Entry("hat", "cap", 1.0),
        BadRow("row 2", "the query is missing, not text"),
        Entry("shoe", "boot", 1.0),
    ]


def test_what_is_no_parquet_file_is_refused():
    with pytest.raises(ConfigError, match="not a Parquet file"):
        read("query\trewrite\n", Format.PARQUET)


def test_exported_jsonl_keeps_a_query_on_one_line(tmp_path: Path):
    path = tmp_path / "rewrites.jsonl"

    write_rows([Entry("hat", "cap", 0.5), Entry("hat", "fez", 0.25)], path, Format.JSONL)

    assert json.loads(path.read_text()) == {
        "query": "hat",
        "rewrites": [{"text": "cap", "score": 0.5}, {"text": "fez", "score": 0.25}],
    }


def test_a_format_is_told_by_the_name_of_the_file():
    assert Format.of(Path("a.NDJSON")) is Format.JSONL
    with pytest.raises(ConfigError, match="--format"):
        Format.of(Path("rewrites.csv"))

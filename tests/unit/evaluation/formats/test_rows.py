"""Rows, and what is said of those that are wrong."""

import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qrmiddleware.evaluation.formats.rows import (
    FormatError,
    Row,
    first_line,
    json_rows,
    table_rows,
    word_rows,
)


def test_text_is_stripped_and_numbers_are_text_too():
    row = Row("f:1", {"id": 5, "name": " a ", "none": None})

    assert (row.text("id"), row.text("name"), row.text("none", "name")) == ("5", "a", "a")


@pytest.mark.parametrize("value", [None, "", "  ", [], {"a": 1}, 1.5])
def test_what_is_no_text_is_refused(value):
    with pytest.raises(FormatError, match=r"f:1: expected a value for 'id', found \{\"id\":"):
        Row("f:1", {"id": value}).text("id")


@given(st.integers(-(10**6), 10**6))
def test_whole_numbers_may_have_a_point(number):
    assert Row("f:1", {"n": f"{number}.0"}).integer("n") == number
    assert Row("f:1", {"n": number}).integer("n") == number


@pytest.mark.parametrize("value", [None, "", "two", "nan", "inf", [1], "1.5"])
def test_what_is_no_whole_number_is_refused(value):
    with pytest.raises(FormatError, match="f:1: expected a whole number for 'n'"):
        Row("f:1", {"n": value}).integer("n")


def test_long_values_are_shown_in_part():
    problem = str(Row("f:1", {"text": "a" * 1000}).wrong("less"))

    assert problem.endswith("…")
    assert len(problem) < 160


def test_reads_files_with_a_byte_order_mark_and_windows_line_ends(tmp_path):
    file = tmp_path / "a.csv"
    file.write_bytes(b"\xef\xbb\xbfa,b\r\n1,2\r\n\r\n")

    assert [row.values for row in table_rows(file, needs=["a"], delimiter=",")] == [
        {"a": "1", "b": "2"}
    ]


def test_numbers_lines_as_editors_do_with_quoted_line_breaks(tmp_path):
    file = tmp_path / "a.csv"
    file.write_text('a,b\n"1\n2",3\n4,5\n')

    assert [row.place.rpartition(":")[2] for row in table_rows(file, needs=[], delimiter=",")] == [
        "3",
        "4",
    ]


def test_rows_may_be_ragged_if_that_is_said(tmp_path):
    file = tmp_path / "a.tsv"
    file.write_text("a\tb\n1\n")

    assert next(table_rows(file, needs=[], ragged=True)).values == {"a": "1", "b": ""}
    with pytest.raises(FormatError, match=r"a\.tsv:2: expected 2 values"):
        next(table_rows(file, needs=[]))


def test_a_table_that_cannot_be_parsed_is_named(tmp_path):
    file = tmp_path / "a.tsv"
    file.write_text("a\tb\n" + "x" * 200_000 + "\t1\n")

    with pytest.raises(FormatError, match=r"a\.tsv:2: not a table \(field larger than"):
        list(table_rows(file, needs=["a"]))


def test_other_encodings_are_refused(tmp_path):
    file = tmp_path / "a.tsv"
    file.write_bytes("größe".encode("latin-1"))

    with pytest.raises(FormatError, match="not UTF-8"):
        list(table_rows(file, needs=[]))


def test_broken_archives_are_refused(tmp_path):
    file = tmp_path / "a.jsonl.gz"
    file.write_bytes(gzip.compress(b'{"a": 1}\n' * 1000)[:-12])

    with pytest.raises(FormatError, match=r"a\.jsonl\.gz: cannot be read"):
        list(json_rows(file))


def test_missing_files_are_refused(tmp_path):
    with pytest.raises(FormatError, match="cannot be read"):
        list(word_rows(tmp_path / "none", ["a"]))


def test_the_first_line_of_what_is_no_text_is_empty(tmp_path):
    file = tmp_path / "a"
    file.write_bytes(b"\xff\xfe")

    assert first_line(file) == ""


@pytest.mark.parametrize("value", ["9" * 5_000, "[" * 100_000 + "]" * 100_000])
def test_json_that_cannot_be_held_is_refused_with_its_place(tmp_path, value):
    (tmp_path / "rows.jsonl").write_text('{"a": ' + value + "}\n")

    with pytest.raises(FormatError, match=r"rows.jsonl:1: expected a JSON object"):
        list(json_rows(tmp_path / "rows.jsonl"))


def test_a_number_too_large_for_any_use_is_no_number():
    with pytest.raises(FormatError, match="expected a whole number"):
        Row("f:1", {"n": 10**400}).integer("n")


def test_a_damaged_archive_is_refused(tmp_path):
    packed = gzip.compress(b'{"a": 1}\n' * 1_000)
    (tmp_path / "rows.jsonl.gz").write_bytes(packed[:20] + b"\xff\xff" + packed[22:])

    with pytest.raises(FormatError, match="cannot be read"):
        list(json_rows(tmp_path / "rows.jsonl.gz"))

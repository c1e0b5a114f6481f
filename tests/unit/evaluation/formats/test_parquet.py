"""Rows of parquet files."""

import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from qrmiddleware.errors import ConfigError
from qrmiddleware.evaluation.formats.parquet import parquet_rows


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"n": [1, 2, 3], "s": ["x", "y", "x"], "t": ["a", "a", None]}), path)
    return path


def test_yields_all_rows_with_the_wanted_columns(file):
    assert list(parquet_rows(file, ["n"], {})) == [{"n": 1}, {"n": 2}, {"n": 3}]


def test_leaves_out_rows_with_other_values(file):
    rows = parquet_rows(file, ["n"], {"s": "x", "t": "a"})

    assert [row["n"] for row in rows] == [1]


def test_says_what_to_install(file, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)

    with pytest.raises(ConfigError, match=r"pip install 'qrmiddleware\[evaluation\]'"):
        list(parquet_rows(file, ["n"], {}))

import gzip

import pytest

from qrmiddleware.distill.rewriting.files import count_rows, read_rows
from qrmiddleware.distill.rewriting.rows import RewritePair, to_line
from qrmiddleware.errors import ConfigError

ROWS = [RewritePair(query="hoze", rewrite="hose"), RewritePair(query="hat", rewrite="cap")]
LINES = b"\n".join(map(to_line, ROWS))


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.jsonl.gz"])
def test_rows_are_read_packed_or_not(tmp_path, name):
    file = tmp_path / name
    file.write_bytes(gzip.compress(LINES) if name.endswith(".gz") else LINES)

    assert list(read_rows(file, RewritePair)) == ROWS
    assert count_rows(file, RewritePair) == 2


def test_a_line_that_is_no_row_is_named(tmp_path):
    file = tmp_path / "rows.jsonl"
    file.write_bytes(LINES + b'{"query": 1}\n')

    with pytest.raises(ConfigError, match=r"rows.jsonl:4: expected a line of RewritePair"):
        count_rows(file, RewritePair)


def test_a_file_that_is_not_there_or_cut_is_said_to_be(tmp_path):
    cut = tmp_path / "cut.gz"
    cut.write_bytes(gzip.compress(LINES)[:-9])

    for file in (tmp_path / "none", cut):
        with pytest.raises(ConfigError, match="cannot be read"):
            count_rows(file, RewritePair)

import gzip

import pytest

from qrmiddleware.distill.rewriting.row_files import count_rows, read_rows, write_rows
from qrmiddleware.distill.rewriting.rows import Feedback, RewritePair
from qrmiddleware.errors import ConfigError

ROWS = [
    RewritePair(query="fridge", rewrite="refrigerator"),
    RewritePair(query="tv", rewrite="télé"),
]


def test_what_is_written_is_read(tmp_path):
    assert write_rows(tmp_path / "a" / "pairs.jsonl", ROWS) == 2

    assert list(read_rows(tmp_path / "a" / "pairs.jsonl", RewritePair)) == ROWS


def test_blank_lines_other_keys_marks_and_compression_are_read(tmp_path):
    text = b'\xef\xbb\xbf{"query": "tv", "rewrite": "t", "mine": 1}\n\n'
    (tmp_path / "pairs.jsonl").write_bytes(text)
    (tmp_path / "pairs.jsonl.gz").write_bytes(gzip.compress(text))

    for name in ("pairs.jsonl", "pairs.jsonl.gz"):
        assert list(read_rows(tmp_path / name, RewritePair)) == [
            RewritePair(query="tv", rewrite="t")
        ]


def test_a_line_that_is_none_is_named(tmp_path):
    (tmp_path / "x.jsonl").write_bytes(b'{"query": "tv", "rewrite": "t"}\n{"query": "tv"}\n')

    with pytest.raises(
        ConfigError, match=r"x\.jsonl:2: expected a JSON object with query, rewrite"
    ):
        list(read_rows(tmp_path / "x.jsonl", RewritePair))
    with pytest.raises(ConfigError, match=r"x\.jsonl:1: .* with query, candidates"):
        list(read_rows(tmp_path / "x.jsonl", Feedback))


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ConfigError, match="cannot be read"):
        list(read_rows(tmp_path / "none.jsonl", RewritePair))


def test_what_cannot_be_written_whole_leaves_what_was_there(tmp_path):
    write_rows(tmp_path / "x.jsonl", ROWS)

    def broken():
        yield ROWS[0]
        raise OSError

    with pytest.raises(OSError):  # noqa: PT011 ours
        write_rows(tmp_path / "x.jsonl", broken())

    assert list(read_rows(tmp_path / "x.jsonl", RewritePair)) == ROWS


def test_rows_are_counted_before_any_work_begins(tmp_path):
    write_rows(tmp_path / "x.jsonl", ROWS)
    (tmp_path / "cut.jsonl.gz").write_bytes(gzip.compress(b"\n" * 9)[:-9])

    assert count_rows(tmp_path / "x.jsonl", RewritePair) == 2
    with pytest.raises(ConfigError, match="cannot be read"):
        count_rows(tmp_path / "cut.jsonl.gz", RewritePair)


@pytest.mark.parametrize(
    "line", [b'{"query": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", b'{"query": "\xff"}']
)
def test_a_line_that_cannot_be_held_is_named(tmp_path, line):
    (tmp_path / "pairs.jsonl").write_bytes(line)

    with pytest.raises(ConfigError, match=r"pairs.jsonl:1: expected a JSON object"):
        list(read_rows(tmp_path / "pairs.jsonl", RewritePair))


def test_a_damaged_archive_is_named(tmp_path):
    packed = gzip.compress(b'{"query": "tv", "rewrite": "t"}\n' * 1_000)
    (tmp_path / "pairs.jsonl.gz").write_bytes(packed[:20] + b"\xff\xff" + packed[22:])

    with pytest.raises(ConfigError, match="cannot be read"):
        list(read_rows(tmp_path / "pairs.jsonl.gz", RewritePair))

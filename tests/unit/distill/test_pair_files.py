import gzip
import json

import pytest

from qrmiddleware.distill.labels import Pair
from qrmiddleware.distill.pair_files import read_pairs
from qrmiddleware.errors import ConfigError

ROWS = [
    {"query": "laptop", "doc_id": "1", "text": "Laptop 14”", "grade": "E"},
    {"query": "", "doc_id": "2", "text": "😀 漢字"},
]
PAIRS = [Pair("laptop", "1", "Laptop 14”"), Pair("", "2", "😀 漢字")]
TEXT = "\n".join(map(json.dumps, ROWS)) + "\n\n"


def test_pairs_are_read_and_other_keys_left_alone(tmp_path):
    file = tmp_path / "pairs.jsonl"
    file.write_text(TEXT)

    assert list(read_pairs(file)) == PAIRS


def test_gzip_and_a_byte_order_mark_are_read(tmp_path):
    file = tmp_path / "pairs.jsonl.gz"
    file.write_bytes(gzip.compress(b"\xef\xbb\xbf" + TEXT.encode()))

    assert list(read_pairs(file)) == PAIRS


@pytest.mark.parametrize(
    "line", ["laptop", "[]", '{"query": "a", "doc_id": "b"}', '{"query": 1, "doc_id": "b"}']
)
def test_what_is_no_pair_is_named_with_its_place(tmp_path, line):
    file = tmp_path / "pairs.jsonl"
    file.write_text(TEXT + line)

    with pytest.raises(ConfigError, match=r"pairs.jsonl:4: expected .*, found"):
        list(read_pairs(file))


@pytest.mark.parametrize("name", ["none.jsonl", "bad.jsonl.gz"])
def test_a_file_that_cannot_be_read_is_said(tmp_path, name):
    (tmp_path / "bad.jsonl.gz").write_text("no gzip")

    with pytest.raises(ConfigError, match="pairs cannot be read"):
        list(read_pairs(tmp_path / name))

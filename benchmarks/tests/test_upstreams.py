import gzip

import pytest

from qrmiddleware_benchmarks.upstreams import read_lines


@pytest.mark.parametrize(("name", "pack"), [("a.jsonl", bytes), ("a.jsonl.gz", gzip.compress)])
def test_lines_are_read_from_plain_and_compressed_files(tmp_path, name, pack):
    (tmp_path / name).write_bytes(pack(b'{"id": "1"}\n{"id": "2"}\n'))

    assert [line["id"] for line in read_lines(tmp_path / name)] == ["1", "2"]

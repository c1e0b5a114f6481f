import gzip

import pytest

from qrmiddleware_benchmarks.queries import QueryFileError, read_queries


@pytest.mark.parametrize(
    "text",
    [
        "red shoe\n\nblue hat\nred shoe\n",
        '{"query": "red shoe"}\n{"id": 7, "query": "blue hat"}\n',
        '{"text": "red shoe"}\nblue hat\n',
    ],
)
def test_queries_are_read_once_each_in_the_order_of_the_file(text, tmp_path):
    plain, packed = tmp_path / "q.txt", tmp_path / "q.txt.gz"
    plain.write_text(text)
    packed.write_bytes(gzip.compress(text.encode()))

    assert read_queries(plain) == read_queries(packed) == ("red shoe", "blue hat")


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "no queries in it"),
        (b'a\n{"q": "b"}', r"q\.txt:2: no text under query or text; there are: q"),
        (b'{"query"', r"q\.txt:1: begins like JSON"),
        (b"\xff\xfe", "can't decode"),
    ],
)
def test_a_file_without_queries_says_where_and_why(data, problem, tmp_path):
    (tmp_path / "q.txt").write_bytes(data)

    with pytest.raises(QueryFileError, match=problem):
        read_queries(tmp_path / "q.txt")

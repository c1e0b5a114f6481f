"""Rewrite tables: any query is looked up, and a damaged table is refused, never believed."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qrmiddleware.errors import ConfigError
from qrmiddleware_rewrite_table.normalise import NFKC_CASEFOLD, normalise
from qrmiddleware_rewrite_table.sqlite_table import SqliteTable, write_table
from qrmiddleware_rewrite_table.table import Entry

QUERIES = st.text(max_size=40) | st.sampled_from(
    [
        "",
        "\0",
        "\ud800",
        "' OR 1=1 --",
        '"; DROP TABLE rewrites; --',
        "%",
        "a" * 100_000,
        "ﷺ" * 2_000,
    ]
)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    file = tmp_path_factory.mktemp("tables") / "rewrites.sqlite"
    entries = [Entry(f"query {number}", "other words", 0.5) for number in range(200)]
    write_table(file, entries, normalisation=NFKC_CASEFOLD, source="here")
    return file


@pytest.fixture(scope="module")
def table(path):
    table = SqliteTable(path)
    yield table
    table.close()


@given(QUERIES)
def test_any_query_is_looked_up(table, query):
    known = normalise(query).startswith("query ")

    assert known or table.find(query, limit=3) == []


@given(st.text(max_size=60))
def test_normalising_twice_changes_nothing(text):
    once = normalise(text)

    assert normalise(once) == once
    once.encode()


@given(st.lists(st.tuples(QUERIES, QUERIES, st.floats(0, 1)), min_size=1, max_size=5))
def test_what_is_written_is_found(path, rows):
    file = path.with_name("other.sqlite")
    entries = [Entry(query, text.encode("utf-8", "replace").decode(), s) for query, text, s in rows]
    write_table(file, entries, normalisation=NFKC_CASEFOLD, source="here")
    table = SqliteTable(file)

    try:
        for entry in entries:
            assert entry.text in {found.text for found in table.find(entry.query, limit=100)}
    finally:
        table.close()


@given(st.integers(0, 2**48))
def test_a_damaged_table_is_refused_or_found_in(path, seed):
    rng = random.Random(seed)  # noqa: S311 can be repeated
    damaged = bytearray(path.read_bytes())
    for _ in range(rng.randint(1, 20)):
        at = rng.randrange(len(damaged))
        damaged[at : at + rng.choice([1, 64])] = rng.randbytes(rng.choice([1, 64]))
    if rng.random() < 0.3:
        del damaged[rng.randrange(len(damaged)) :]
    file = path.with_name("damaged.sqlite")
    file.write_bytes(damaged)
    table = SqliteTable(file)
    try:
        table.check()
        table.find("query 7", limit=3)
        list(table.entries())
    except ConfigError as error:
        if str(file) not in str(error):
            raise
    finally:
        table.close()

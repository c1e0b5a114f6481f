import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qrmiddleware import ConfigError
from qrmiddleware_rewrite_table import sqlite_table
from qrmiddleware_rewrite_table.files import Format, make_entry, read_rows, write_rows
from qrmiddleware_rewrite_table.normalise import NFKC_CASEFOLD, NFKC_CASEFOLD_NO_PUNCTUATION
from qrmiddleware_rewrite_table.sqlite_table import SqliteTable, write_table
from qrmiddleware_rewrite_table.table import Entry, Scored

words = st.text(max_size=12).filter(str.strip)
scores = st.floats(allow_nan=False, allow_infinity=False)
entries = st.lists(st.builds(make_entry, words, words, scores), min_size=1, max_size=8)


def contents(path: Path) -> list[Entry]:
    with closing(SqliteTable(path)) as table:
        return list(table.entries())


def corrupt(path: Path, sql: str) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.executescript(sql)


def test_finds_the_best_rewrites_of_any_spelling(table_path):
    with closing(SqliteTable(table_path)) as table:
        assert table.find("  Garden HOZE", limit=2) == [
            Scored("garden hose", 0.9),
            Scored("water hose", 0.5),
        ]
        assert table.find("garden", limit=2) == []


def test_finds_by_the_normalisation_that_the_table_was_made_with(tmp_path):
    path = tmp_path / "t.sqlite"
    rows = [Entry("T-Shirt", "tee", 1.0)]
    write_table(path, rows, normalisation=NFKC_CASEFOLD_NO_PUNCTUATION, source="test")

    with closing(SqliteTable(path)) as table:
        assert table.find("t/shirt!", limit=1) == [Scored("tee", 1.0)]


def test_of_two_scores_for_a_rewrite_the_last_counts(write):
    path = write([Entry("Hat", "cap", 0.9), Entry("shoe", "boot", 0.3), Entry("hat", "cap", 0.1)])

    assert contents(path) == [Entry("hat", "cap", 0.1), Entry("shoe", "boot", 0.3)]


def test_metadata_say_where_the_table_comes_from(table_path):
    with closing(SqliteTable(table_path)) as table:
        metadata = table.check()

    assert (metadata.queries, metadata.rewrites, metadata.source) == (2, 4, "test")
    assert metadata.created.endswith("+00:00")
    assert metadata.tool.startswith("qrmiddleware-rewrite-table ")


@given(query=st.text(st.characters(codec=None)))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_query_makes_a_look_up_raise(table_path, query):
    with closing(SqliteTable(table_path)) as table:
        assert isinstance(table.find(query, limit=3), list)


@pytest.mark.parametrize("format_", Format)
@given(rows=entries)
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_a_table_exported_and_imported_again_is_the_same(tmp_path, format_, rows):
    first, file, second = tmp_path / "1.sqlite", tmp_path / "rewrites", tmp_path / "2.sqlite"
    write_table(first, rows, normalisation=NFKC_CASEFOLD, source="test")

    write_rows(contents(first), file, format_)
    with file.open("rb") as raw:
        write_table(second, read_rows(raw, format_), normalisation=NFKC_CASEFOLD, source="test")

    assert contents(second) == contents(first)


def test_a_missing_table_names_the_path_and_the_command_that_makes_one(tmp_path):
    path = tmp_path / "t.sqlite"

    with pytest.raises(ConfigError) as caught:
        SqliteTable(path).check()

    assert f"{path} cannot be opened (No such file" in str(caught.value)
    assert f"qrm table import rewrites.tsv --to {path}" in str(caught.value)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "another application"),
        (b"query\trewrite\n" * 100, "is not a rewrite table"),
        (b"SQLite format 3\0" + b"\xff" * 4096, "is not a rewrite table"),
    ],
)
def test_a_file_that_is_no_table_is_refused(tmp_path, content, problem):
    path = tmp_path / "t.sqlite"
    path.write_bytes(content)

    with pytest.raises(ConfigError, match=problem):
        SqliteTable(path).check()


@pytest.mark.parametrize(
    ("sql", "problem"),
    [
        ("UPDATE metadata SET value = 'x-9' WHERE name = 'normalisation'", "normalisation 'x-9'"),
        ("PRAGMA user_version = 2", "its format is 2, this version reads 1"),
        ("PRAGMA application_id = 7", "another application"),
        ("DELETE FROM metadata WHERE name = 'queries'", "'queries'"),
        ("DROP TABLE metadata", "no such table"),
    ],
)
def test_a_table_of_another_make_is_refused(table_path, sql, problem):
    corrupt(table_path, sql)

    with pytest.raises(ConfigError, match=problem):
        SqliteTable(table_path).check()


@pytest.mark.parametrize("keep", [0.3, 0.6, 0.95])
def test_a_truncated_table_is_refused(write, keep):
    path = write(Entry(f"query {n}", f"rewrite {n}", n / 1000) for n in range(2000))
    raw = path.read_bytes()
    path.write_bytes(raw[: int(len(raw) * keep)])

    with pytest.raises(ConfigError, match=r"is damaged|cannot be read|is not a rewrite table"):
        SqliteTable(path).check()


def test_a_table_that_vanishes_raises_until_it_is_back(table_path):
    away = table_path.with_name("away")

    with closing(SqliteTable(table_path, check_every_s=0)) as table:
        assert table.find("sneekers", limit=1)
        table_path.rename(away)
        for _ in range(2):
            with pytest.raises(ConfigError, match="cannot be opened"):
                table.find("sneekers", limit=1)
        away.rename(table_path)
        assert table.find("sneekers", limit=1)


@pytest.mark.parametrize("content", [b"", b"SQLite format 3\0", b"\xff" * 100_000])
def test_a_table_overwritten_in_place_costs_an_error_and_not_the_process(write, content):
    path = write(Entry(f"query {n}", f"rewrite {n}", n / 1000) for n in range(2000))

    with closing(SqliteTable(path, check_every_s=3600)) as table:
        assert table.find("query 7", limit=1)
        path.write_bytes(content)
        for n in range(0, 2000, 50):
            try:
                found = table.find(f"query {n}", limit=1)
            except ConfigError:
                continue
            assert found in ([], [Scored(f"rewrite {n}", n / 1000)])


def test_a_new_table_is_noticed_within_the_second(write, monkeypatch):
    now_s = [100.0]
    monkeypatch.setattr(sqlite_table, "time", SimpleNamespace(monotonic=lambda: now_s[0]))
    path = write([Entry("hat", "cap", 1.0)])

    with closing(SqliteTable(path)) as table:
        table.find("hat", limit=1)
        write([Entry("hat", "fez", 1.0)])
        now_s[0] += 0.9
        soon = table.find("hat", limit=1)[0].text
        now_s[0] += 0.1
        later = table.find("hat", limit=1)[0].text

    assert (soon, later) == ("cap", "fez")


def test_tables_are_swapped_under_look_ups_without_an_error_or_a_mixed_answer(write):
    def generation(n: int) -> list[Entry]:
        return [Entry("hat", f"{n}-{rewrite}", 1.0) for rewrite in range(3)]

    path = write(generation(0))
    done = threading.Event()

    def look_up() -> set[str]:
        seen: set[str] = set()
        while not done.is_set():
            answer = {scored.text.split("-")[0] for scored in table.find("hat", limit=3)}
            assert len(answer) == 1
            seen |= answer
        return seen

    with closing(SqliteTable(path, check_every_s=0)) as table, ThreadPoolExecutor(4) as pool:
        look_ups = [pool.submit(look_up) for _ in range(4)]
        try:
            for n in range(1, 40):
                write(generation(n))
        finally:
            done.set()
        seen = set[str]().union(*(look_up.result() for look_up in look_ups))

        assert len(seen) > 5
        assert table.find("hat", limit=1)[0].text == "39-0"


def test_a_table_is_not_written_over_a_file_of_another_kind(tmp_path):
    path = tmp_path / "rewrites.tsv"
    path.write_text("hat\tcap\n" * 100)

    with pytest.raises(ConfigError, match="is not a rewrite table; move it away first"):
        write_table(path, [Entry("a", "b", 1.0)], normalisation=NFKC_CASEFOLD, source="test")

    assert path.read_text() == "hat\tcap\n" * 100


def test_a_table_without_rewrites_is_not_written(table_path):
    before = table_path.read_bytes()

    with pytest.raises(ConfigError, match=r"empty\.tsv holds no rewrites; nothing was written"):
        write_table(table_path, [], normalisation=NFKC_CASEFOLD, source="empty.tsv")

    assert table_path.read_bytes() == before


def test_a_folder_that_is_not_there_is_an_error_for_people(tmp_path):
    with pytest.raises(ConfigError, match="cannot be written"):
        write_table(
            tmp_path / "no" / "t.sqlite",
            [Entry("a", "b", 1.0)],
            normalisation=NFKC_CASEFOLD,
            source="test",
        )

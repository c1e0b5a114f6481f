import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from qrmiddleware import ConfigError, Query
from qrmiddleware_rewrite_table import misses
from qrmiddleware_rewrite_table.misses import MissLog


def logged(path: Path) -> list[str]:
    return [json.loads(line)["query"] for line in path.read_text().splitlines()]


def test_a_miss_is_logged_once_with_its_index_and_time(tmp_path):
    log = MissLog(tmp_path / "misses", max_bytes=10_000)

    log.add(Query("Red\nHat", index="products"), key="red hat")
    log.add(Query("red hat"), key="red hat")

    record = json.loads((tmp_path / "misses").read_text())
    assert record["query"] == "Red\nHat"
    assert record["index"] == "products"
    assert record["time"].endswith("+00:00")


def test_a_full_log_begins_anew_and_keeps_the_last_one(tmp_path):
    path = tmp_path / "misses"
    log = MissLog(path, max_bytes=1024)

    for n in range(50):
        log.add(Query(f"query {n}"), key=f"query {n}")

    assert path.stat().st_size <= 1024
    assert (tmp_path / "misses.1").stat().st_size <= 1024
    assert {entry.name for entry in tmp_path.iterdir()} == {"misses", "misses.1"}
    kept = logged(tmp_path / "misses.1") + logged(path)
    assert kept == [f"query {n}" for n in range(50 - len(kept), 50)]


def test_memory_of_what_was_logged_is_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(misses, "REMEMBERED", 2)
    log = MissLog(tmp_path / "misses", max_bytes=10_000)

    for text in ("a", "b", "a", "c", "a", "b"):
        log.add(Query(text), key=text)

    assert logged(tmp_path / "misses") == ["a", "b", "c", "b"]


def test_threads_and_awkward_queries_leave_whole_lines(tmp_path):
    log = MissLog(tmp_path / "misses", max_bytes=1_000_000)
    texts = [f"\ud800 \u2028 {n} 👟" for n in range(200)]

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda text: log.add(Query(text), key=text), texts * 2))

    assert sorted(logged(tmp_path / "misses")) == sorted(texts)


def test_a_log_that_cannot_be_written_is_found_at_the_start(tmp_path):
    with pytest.raises(ConfigError, match=r"log of misses .* cannot be written"):
        MissLog(tmp_path / "no" / "misses", max_bytes=10_000).check()

# /// script
# requires-python = ">=3.11"
# dependencies = ["lmdb>=1.4"]
# ///
"""Which embedded store answers look-ups fastest? The figures of docs/design/0002.

Run it with ``uv run plugins/rewrite_table/measurements/stores.py [ROWS]``. Every arm answers the
questions, half of them misses, in random order; three rewrites a query.
"""

import json
import random
import sqlite3
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import lmdb  # type: ignore[import-not-found]  # only this script wants it; uv installs it

LOOKUPS = 100_000
PER_QUERY = 3
WORDS = 4
Pairs = list[tuple[str, float]]
Open = Callable[[Path], Callable[[str], Pairs]]


def make_queries(count: int, seed: int) -> list[str]:
    """Draw distinct queries of shop-like length."""
    rng = random.Random(seed)  # noqa: S311  (a benchmark, not a secret)
    words = [
        "".join(rng.choices("abcdefghijklmnoprstu", k=rng.randint(3, 9))) for _ in range(20_000)
    ]
    queries: set[str] = set()
    while len(queries) < count:
        queries.add(" ".join(rng.choices(words, k=rng.randint(1, WORDS))))
    return sorted(queries)


def entries(queries: list[str]) -> Iterator[tuple[str, Pairs]]:
    """Give each query its rewrites, best first."""
    for query in queries:
        yield query, [(f"{query} {n}", round(0.9 - n / 10, 3)) for n in range(PER_QUERY)]


def write_flat(path: Path, queries: list[str]) -> None:
    """One row a rewrite."""
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA journal_mode=OFF")
        db.execute(
            "CREATE TABLE rewrites (query TEXT, text TEXT, score REAL, PRIMARY KEY (query, text)) "
            "WITHOUT ROWID"
        )
        rows = ((query, text, score) for query, pairs in entries(queries) for text, score in pairs)
        db.executemany("INSERT INTO rewrites VALUES (?, ?, ?)", rows)


def write_packed(path: Path, queries: list[str]) -> None:
    """One row a query, its rewrites as JSON."""
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA journal_mode=OFF")
        db.execute("CREATE TABLE rewrites (query TEXT PRIMARY KEY, pairs TEXT) WITHOUT ROWID")
        rows = ((query, json.dumps(pairs)) for query, pairs in entries(queries))
        db.executemany("INSERT INTO rewrites VALUES (?, ?)", rows)


def write_lmdb(path: Path, queries: list[str]) -> None:
    """One value a query, its rewrites as JSON."""
    with lmdb.open(str(path), map_size=4 << 30, subdir=False) as env, env.begin(write=True) as txn:
        for query, pairs in entries(queries):
            txn.put(query.encode(), json.dumps(pairs).encode(), append=True)


FLAT = "SELECT text, score FROM rewrites WHERE query = ? ORDER BY score DESC, text LIMIT 3"


def open_sqlite(path: Path, *, options: str, mmap: int = 0) -> Callable[[str], Pairs]:
    """Look up in the flat table, with one connection a thread."""
    local = threading.local()

    def look_up(query: str) -> Pairs:
        if not hasattr(local, "db"):
            local.db = sqlite3.connect(f"file:{path}?{options}", uri=True)
            local.db.execute(f"PRAGMA mmap_size={mmap}")
        return local.db.execute(FLAT, (query,)).fetchall()  # type: ignore[no-any-return]  # sqlite3

    return look_up


def open_packed(path: Path) -> Callable[[str], Pairs]:
    """Look up in the packed table, with one connection a thread."""
    local = threading.local()

    def look_up(query: str) -> Pairs:
        if not hasattr(local, "db"):
            local.db = sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True)
        row = local.db.execute("SELECT pairs FROM rewrites WHERE query = ?", (query,)).fetchone()
        return json.loads(row[0]) if row else []

    return look_up


def open_lmdb(path: Path) -> Callable[[str], Pairs]:
    """Look up in LMDB, one environment for all threads."""
    env = lmdb.open(str(path), readonly=True, subdir=False, lock=False, max_readers=64)

    def look_up(query: str) -> Pairs:
        with env.begin(buffers=False) as txn:
            value = txn.get(query.encode())
        return json.loads(value) if value else []

    return look_up


def measure(look_up: Callable[[str], Pairs], questions: list[str], threads: int) -> list[int]:
    """Time every look-up; nanoseconds, sorted."""
    times: list[list[int]] = [[] for _ in range(threads)]
    start = threading.Barrier(threads)

    def work(mine: list[int], part: list[str]) -> None:
        start.wait()
        for question in part:
            before = time.perf_counter_ns()
            look_up(question)
            mine.append(time.perf_counter_ns() - before)

    workers = [
        threading.Thread(target=work, args=(times[n], questions[n::threads]))
        for n in range(threads)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return sorted(time_ns for mine in times for time_ns in mine)


def main(rows: int) -> None:
    """Print one line an arm and number of threads."""
    queries = make_queries(rows // PER_QUERY, seed=1)
    questions = random.Random(2).sample(queries, LOOKUPS // 2)  # noqa: S311
    questions += [f"{question} not there" for question in questions]
    random.Random(3).shuffle(questions)  # noqa: S311
    flat: dict[str, Open] = {
        "sqlite flat, ro": lambda path: open_sqlite(path, options="mode=ro"),
        "sqlite flat, immutable": lambda path: open_sqlite(path, options="mode=ro&immutable=1"),
        "sqlite flat, immutable + mmap": lambda path: open_sqlite(
            path, options="mode=ro&immutable=1", mmap=1 << 30
        ),
    }
    with tempfile.TemporaryDirectory() as folder:
        writers: list[tuple[Callable[[Path, list[str]], None], dict[str, Open]]] = [
            (write_flat, flat),
            (write_packed, {"sqlite packed, immutable": open_packed}),
            (write_lmdb, {"lmdb packed": open_lmdb}),
        ]
        for write, arms in writers:
            path = Path(folder) / write.__name__
            before = time.perf_counter_ns()
            write(path, queries)
            seconds = (time.perf_counter_ns() - before) / 1e9
            blocks = path.stat().st_blocks * 512 / 1e6
            for name, open_store in arms.items():
                look_up = open_store(path)
                measure(look_up, questions, 1)
                for threads in (1, 4):
                    t = measure(look_up, questions, threads)
                    p50, p99 = t[len(t) // 2] / 1e3, t[len(t) * 99 // 100] / 1e3
                    sys.stdout.write(
                        f"{name:32}{threads} thread(s)  p50 {p50:6.1f} µs  p99 {p99:7.1f} µs  "
                        f"{blocks:6.1f} MB  written in {seconds:.1f} s\n"
                    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)

"""Logs, UBI events and candidates of any kind: read, counted as broken, or refused with a place."""

import gzip
import json
import random
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qrmiddleware.distill.rewriting.proposed import read_proposed
from qrmiddleware.errors import ConfigError
from qrmiddleware.evaluation.formats.format import Source
from qrmiddleware.evaluation.formats.rows import FormatError
from qrmiddleware.evaluation.formats.ubi import FORMAT
from qrmiddleware.recipes.feedback.reached import reached_by_query
from qrmiddleware.recipes.feedback.store import FeedbackStore
from qrmiddleware.recipes.query_log import LogTally, Noise, QueryCounts, count_log, read_log

ROWS = (
    {"user_query": "red shoe", "query_id": "q1", "client_id": "c",
     "timestamp": "2026-01-01T00:00:00"},
    {"query_id": "q1", "query_response_hit_ids": ["d1", "d2"], "user_query": "x",
     "timestamp": 17e11},
    {"action_name": "click", "query_id": "q1", "client_id": "c", "timestamp": 1_700_000_000_000,
     "event_attributes": {"object": {"object_id": "d1"}, "position": {"ordinal": 1}}},
    {"action_name": "purchase", "query_id": "q2", "client_id": "c", "timestamp": "2026-01-01",
     "event_attributes": {"object": {"object_id": "d9"}}},
    {"action_name": "impression", "query_id": "q1",
     "event_attributes": {"object": {"object_id": "d1"}, "position": {"ordinal": "2.0"}}},
    {"index": {"_index": "ubi_queries"}},
    {"_source": {"user_query": "x", "query_id": "q3"}},
    {"query": "red shoe", "count": 3},
    {"query": "red shoe", "candidates": [{"text": "crimson shoe", "log_probability": -1.0}]},
    {"query": "red shoe", "rewrite": "crimson shoe"},
)  # fmt: skip
ODD = (
    *("null", "true", "[]", "{}", '[["a"]]', '"\\ud800"', '"\\u0000"', "-1", "1e999", "NaN", "0.5"),
    *("Infinity", "9" * 400, "9" * 5_000, '"9999-99-99"', '"0001-01-01T00:00:00+14:00"', "1e300"),
    *('"9999-12-31T23:59:59-14:00"', "[" * 300 + "]" * 300, "[" * 5_000 + "]" * 5_000, '""', "{"),
)
LINES = (
    *(
        "red shoe",
        "red shoe\t3",
        "red shoe\t-3",
        "a\t\t1",
        "\t5",
        "a\t" + "9" * 30,
        "a\t" + "9" * 5_000,
    ),
    *(
        "a\t\u0661",
        "a\t\u00b2",
        "",
        "   ",
        "{",
        "[1]",
        "\ufeff{}",
        "a\0b",
        '"quoted\t1',
        "x" * 5_000,
    ),
    *("query\tdoc_id", "query_id\tdoc_id", "http://me@example.com/", "TN-2110", "\u2028", "\x85"),
)


def line(rng: random.Random) -> str:
    """A line of a log with one of its values exchanged, or another kind of line."""
    if rng.random() < 0.3:
        return rng.choice(LINES)
    text = json.dumps(rng.choice(ROWS), ensure_ascii=rng.random() < 0.5)
    if rng.random() < 0.7:
        spots = list(re.finditer(r'(?<=: )("[^"]*"|[\d.e+]+|\[[^\]]*\]|\{[^{}]*\})', text))
        if spots:
            start, end = rng.choice(spots).span()
            text = text[:start] + rng.choice(ODD) + text[end:]
    return text


def content(seed: int) -> bytes:
    """A file of such lines, packed or not, cut or not."""
    rng = random.Random(seed)  # noqa: S311 can be repeated
    end = rng.choice(["\n", "\n", "\r\n", "\r"])
    data = end.join(line(rng) for _ in range(rng.randint(0, 6))).encode("utf-8", "surrogatepass")
    if rng.random() < 0.1:
        data += rng.randbytes(5)
    return data


CONTENTS = st.integers(0, 2**48).map(content) | st.binary(max_size=200)
PACKED = CONTENTS.map(gzip.compress)
BROKEN = st.tuples(PACKED, st.integers(0, 2**32)).map(
    lambda drawn: bytes(
        byte ^ (1 << drawn[1] % 8) if at == drawn[1] % len(drawn[0]) else byte
        for at, byte in enumerate(drawn[0])
    )
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("logs")


def written(folder: Path, name: str, data: bytes) -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


@contextmanager
def refused_at(place: object) -> Iterator[None]:
    """Let a refusal pass that begins with its place."""
    try:
        yield
    except (FormatError, ConfigError) as error:
        if not str(error).startswith(str(place)):
            raise


NAMED = st.one_of(
    st.tuples(st.just(""), CONTENTS), st.tuples(st.just(".gz"), PACKED | BROKEN | CONTENTS)
)


@given(NAMED)
def test_any_log_is_read_and_what_is_no_search_counted(folder, named):
    ending, data = named
    path = written(folder, f"log.txt{ending}", data)
    tally = LogTally()

    with suppress(ConfigError):
        found = list(read_log(path, tally))
        assert len(found) + tally.bad.total() <= tally.lines
        with QueryCounts() as counts:
            count_log([path], counts, Noise())
            assert all(logged.times >= 1 for logged in counts.most_common())


@given(NAMED)
def test_any_ubi_is_judged_or_refused_with_its_place(folder, named):
    ending, data = named
    path = written(folder, f"ubi.ndjson{ending}", data)
    chosen = {name: option.default for name, option in FORMAT.options.items()}
    FORMAT.fits(Source(path))
    with refused_at(str(path)):
        FORMAT.judged(Source(path), chosen)
    with refused_at(str(path)):
        reached_by_query(path)


@given(CONTENTS)
def test_any_table_of_what_was_reached_is_read_or_refused(folder, data):
    path = written(folder, "reached.tsv", data)
    with refused_at(str(path)):
        reached_by_query(path)


@given(NAMED)
def test_any_candidates_are_read_or_refused_with_their_place(folder, named):
    ending, data = named
    path = written(folder, f"candidates.jsonl{ending}", data)
    with refused_at(str(path)):
        _, sets = read_proposed(path)
        list(sets)


@given(CONTENTS)
def test_any_store_of_feedback_is_opened_or_refused_with_its_place(folder, data):
    path = written(folder, "feedback.jsonl", data)
    with refused_at(str(path)), FeedbackStore(path) as store:
        assert len(store) >= 0

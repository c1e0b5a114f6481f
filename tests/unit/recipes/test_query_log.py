import gzip
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qrmiddleware.errors import ConfigError
from qrmiddleware.recipes import query_log
from qrmiddleware.recipes.query_log import (
    MAX_LINE_BYTES,
    Logged,
    LogTally,
    Noise,
    QueryCounts,
    count_log,
    read_log,
)


def lines(*rows):
    return b"".join(
        (row if isinstance(row, bytes) else json.dumps(row).encode()) + b"\n" for row in rows
    )


@pytest.fixture
def log(tmp_path):
    def write(data, name="queries.log"):
        (tmp_path / name).write_bytes(data)
        return tmp_path / name

    return write


@pytest.mark.parametrize(
    ("line", "found"),
    [
        (b"garden hoze", Logged("garden hoze", 1)),
        ("\ufeffcafé".encode(), Logged("café", 1)),
        (b"hoze\t12\r", Logged("hoze", 12)),
        ({"query": "hoze", "index": "shop", "time": "2026"}, Logged("hoze", 1)),
        ({"query": "hoze", "count": 3}, Logged("hoze", 3)),
        ({"user_query": "hoze", "query_id": "1"}, Logged("hoze", 1)),
        ({"_source": {"user_query": "hoze"}}, Logged("hoze", 1)),
    ],
)
def test_searches_are_read_in_the_forms_that_logs_have(log, line, found):
    tally = LogTally()

    assert list(read_log(log(lines(line)), tally)) == [found]
    assert (tally.lines, tally.searches, tally.bad) == (1, found.times, {})


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"hose\t" + b"9" * 5_000, "no count behind the tab"),
        (b"hose\t" + b"9" * 30, "no count behind the tab"),
        (b"hose\t0", "no count behind the tab"),
        (b'{"query": "hose", "count": ' + b"9" * 30 + b"}", "no count"),
        (b'{"query": ' + b"[" * 5_000 + b"]" * 5_000 + b"}", "broken JSON"),
        (b"\xff\xfe", "not UTF-8"),
        (b'{"query": "ho', "broken JSON"),
        (b'{"query": "\\ud800"}', "broken JSON"),
        ({"query": ""}, "no query"),
        ({"query": ["hoze"]}, "no query"),
        ({"text": "hoze"}, "no query"),
        ({"_source": 5, "query": "x"}, "no query"),
        ({"query": "hoze", "count": -1}, "no count"),
        ({"query": "hoze", "count": True}, "no count"),
        (b"hoze\tmany", "no count behind the tab"),
        (b"\t5", "no query"),
        (b"a" * (MAX_LINE_BYTES + 100_000), "too long"),
    ],
)
def test_what_is_no_search_is_counted_and_the_next_line_is_read(log, line, reason):
    tally = LogTally()

    assert list(read_log(log(lines(line, b"hose")), tally)) == [Logged("hose", 1)]
    assert (tally.lines, tally.bad) == (2, {reason: 1})


def test_events_and_lines_of_bulk_are_passed_over(log):
    file = log(
        lines(
            {"index": {}}, {"user_query": "a b"}, {"action_name": "click", "user_query": "a b"}, b""
        )
    )
    tally = LogTally()

    assert list(read_log(file, tally)) == [Logged("a b", 1)]
    assert tally.bad == {}


def test_a_packed_log_is_unpacked_and_a_missing_one_said_to_be(log, tmp_path):
    assert list(read_log(log(gzip.compress(b"hoze\n"), "log.gz"), LogTally())) == [
        Logged("hoze", 1)
    ]
    with pytest.raises(ConfigError, match="cannot be read"):
        list(read_log(tmp_path / "none", LogTally()))


def test_spellings_are_counted_together_and_the_first_is_kept():
    with QueryCounts() as counts:
        for text, times in (("Hoze", 1), ("hat", 2), ("HOZE ", 3), ("cap", 2), ("rare", 1)):
            counts.add(Logged(text, times))

        assert counts.distinct() == 4
        assert list(counts.most_common(2)) == [
            Logged("Hoze", 4),
            Logged("hat", 2),
            Logged("cap", 2),
        ]


@given(st.lists(st.tuples(st.sampled_from(["a", "B", "b", "c", "\uff43"]), st.integers(1, 5))))
def test_counts_on_disk_are_those_in_memory(searches):
    with pytest.MonkeyPatch.context() as patched, QueryCounts() as memory, QueryCounts() as disk:
        for text, times in searches:
            memory.add(Logged(text, times))
        patched.setattr(query_log, "IN_MEMORY", 1)
        for text, times in searches:
            disk.add(Logged(text, times))

        assert list(disk.most_common()) == list(memory.most_common())


def test_counting_leaves_nothing_on_the_disk(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with QueryCounts() as counts:
        counts.add(Logged("a", 1))
        assert list(tmp_path.iterdir())

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("garden hoze", ""),
        ("tv", ""),
        ("?!", "no text"),
        ("a\x00b", "no text"),
        ("x", "too short"),
        ("word " * 13, "too long"),
        ("w" * 121, "too long"),
        ("me@example.org", "an address"),
        ("https://example.org/x", "an address"),
        ("tn-2110", "an article number"),
        ("toner tn-2110", ""),
    ],
)
def test_noise_is_told_from_queries(text, reason):
    assert Noise().reason(text) == reason


def test_article_numbers_can_be_kept():
    assert Noise(identifiers=False).reason("tn-2110") == ""


def test_logs_are_counted_without_noise(log):
    one = log(lines(b"hoze", b"  HOZE", b"?", {"query": "hat"}, b"\xff"), "one.log")
    two = log(lines(b"hat\t5", b"tn-2110\t2"), "two.log")

    with QueryCounts() as counts:
        tally = count_log([one, two], counts, Noise())

        assert list(counts.most_common()) == [Logged("hat", 6), Logged("hoze", 2)]
    assert (tally.lines, tally.searches, tally.distinct) == (7, 11, 2)
    assert tally.bad == {"not UTF-8": 1}
    assert tally.dropped == {"no text": 1, "an article number": 2}


def test_a_large_log_half_broken_takes_little_memory(log, monkeypatch):
    import tracemalloc  # noqa: PLC0415 for this test only

    monkeypatch.setattr(query_log, "IN_MEMORY", 1_000)
    rows = (
        b"query number %d\n" % (n % 20_000) if n % 2 else b'{"query": "bro\xff\n'
        for n in range(60_000)
    )
    file = log(b"".join(rows))

    tracemalloc.start()
    with QueryCounts() as counts:
        tally = count_log([file], counts, Noise())
        peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert tally.bad == {"not UTF-8": 30_000}
    assert tally.distinct == 10_000
    assert peak < 3_000_000


@pytest.mark.parametrize("packed", [gzip.compress(b"hose\n" * 1_000)])
def test_a_damaged_packed_log_is_said_to_be(log, packed):
    path = log(packed[:20] + b"\xff\xff" + packed[22:], "queries.log.gz")

    with pytest.raises(ConfigError, match="cannot be read"):
        list(read_log(path, LogTally()))

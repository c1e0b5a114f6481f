import threading
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qrmiddleware.students.bounded_cache import BoundedCache, CacheCounts, content_key


def test_returns_what_was_kept_and_counts():
    cache = BoundedCache(10_000)
    cache.put_many([(b"a", b"1"), (b"b", b"2")])

    assert cache.get_many([b"b", b"c", b"a"]) == [b"2", None, b"1"]
    assert cache.counts.hits == 2
    assert cache.counts.misses == 1
    assert cache.counts.entries == 2


def test_forgets_what_was_used_longest_ago():
    room_for_two = BoundedCache(2 * (112 + 34 + 34))
    room_for_two.put_many([(b"a", b"1"), (b"b", b"2")])
    room_for_two.get_many([b"a"])

    room_for_two.put_many([(b"c", b"3")])

    assert room_for_two.get_many([b"a", b"b", b"c"]) == [b"1", None, b"3"]


def test_a_value_beyond_the_bound_drives_nothing_out():
    cache = BoundedCache(1_000)
    cache.put_many([(b"a", b"1")])

    cache.put_many([(b"b", b"2" * 1_000)])

    assert cache.get_many([b"a", b"b"]) == [b"1", None]


def test_a_bound_of_zero_keeps_nothing():
    cache = BoundedCache(0)
    cache.put_many([(b"a", b"1")])

    assert cache.get_many([b"a"]) == [None]
    assert cache.counts == CacheCounts(hits=0, misses=1, entries=0, size_bytes=0)


KEYS = st.integers(0, 8).map(lambda number: bytes([number]))


@given(
    limit=st.integers(0, 2_000),
    puts=st.lists(st.lists(st.tuples(KEYS, st.binary(max_size=300)), max_size=4), max_size=20),
)
def test_stays_below_its_bound_and_never_returns_an_old_value(limit, puts):
    cache = BoundedCache(limit)
    last = {}
    for items in puts:
        cache.put_many(items)
        last |= {key: value for key, value in items if 33 + 1 + 33 + len(value) + 112 <= limit}

        found = cache.get_many(list(last))

        assert cache.counts.size_bytes <= limit
        assert all(value in {None, last[key]} for key, value in zip(last, found, strict=True))
    assert (cache.counts.size_bytes == 0) == (cache.counts.entries == 0)


def test_its_size_is_about_what_memory_it_takes():
    tracemalloc.start()
    cache = BoundedCache(10**9)
    cache.put_many((number.to_bytes(16), number.to_bytes(80)) for number in range(20_000))
    taken, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert cache.counts.size_bytes == pytest.approx(taken, rel=0.15)


def test_threads_do_not_spoil_its_counts():
    cache = BoundedCache(4_000)

    def work(start):
        for number in range(start, start + 500):
            key = bytes([number % 50])
            cache.put_many([(key, key * 9)])
            assert cache.get_many([key]) in ([key * 9], [None])

    threads = [threading.Thread(target=work, args=(start,)) for start in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    counts = cache.counts
    assert counts.hits + counts.misses == 2_000
    assert counts.size_bytes == counts.entries * (112 + 34 + 42)


@given(st.text(), st.text())
def test_content_keys_are_equal_for_equal_texts_only(one, other):
    assert (content_key(one) == content_key(other)) == (one == other)


def test_lone_surrogates_have_content_keys_of_their_own():
    assert len({content_key(text) for text in ("\ud800", "\ud801", "?", "\ufffd")}) == 4

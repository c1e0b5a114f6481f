import numpy as np

from qrmiddleware.students.bounded_cache import content_key
from qrmiddleware.students.score_cache import ScoreCache

SHOE, TONER = content_key("shoe"), content_key("toner")


def test_remembers_logits_of_a_student_a_query_and_a_text():
    cache = ScoreCache(10_000)
    cache.put("0a", "red", [(SHOE, np.array([1.5, -2], np.float32))])

    found, unknown = cache.get("0a", "red", [SHOE, TONER])

    np.testing.assert_array_equal(found, np.array([1.5, -2], np.float32))
    assert found.dtype == np.float32
    assert unknown is None


def test_tells_students_and_queries_apart():
    cache = ScoreCache(10_000)
    cache.put("0a", "red", [(SHOE, np.ones(1, np.float32))])

    assert cache.get("0b", "red", [SHOE]) == [None]
    assert cache.get("0a", "Red", [SHOE]) == [None]
    assert cache.get("0a", "", [SHOE]) == [None]


def test_counts_pairs():
    cache = ScoreCache(10_000)
    cache.put("0a", "red", [(SHOE, np.ones(1, np.float32))])
    cache.get("0a", "red", [SHOE, TONER])

    assert (cache.counts.hits, cache.counts.misses, cache.counts.entries) == (1, 1, 1)
    assert 200 < cache.counts.size_bytes < 300


def test_what_it_returns_cannot_be_changed_by_the_caller():
    cache = ScoreCache(10_000)
    cache.put("0a", "red", [(SHOE, np.ones(1, np.float32))])

    (found,) = cache.get("0a", "red", [SHOE])

    assert not found.flags.writeable

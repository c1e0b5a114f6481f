import pytest

from qrmiddleware.evaluation.cache import RankingCache, default_folder
from qrmiddleware.evaluation.rankings import RankedHit, Ranking

RANKING = Ranking(
    "q1",
    (RankedHit("a", 2.5, ("shoe", "trainers"), 'Red "shoe"'), RankedHit("b", 1.0)),
    total=17,
    duration_ms=12.5,
    rewrites=("trainers",),
    pipeline="shop",
)


@pytest.fixture
def cache(tmp_path):
    return RankingCache(tmp_path / "rankings")


def test_what_was_kept_comes_back_whole_and_marked(cache):
    key = RankingCache.key(url="http://h/i", body="{}")

    cache.keep(key, RANKING)

    found = cache.load(key)
    assert found.from_cache
    assert found.hits == RANKING.hits
    assert (found.total, found.duration_ms) == (17, 12.5)
    assert (found.rewrites, found.pipeline) == (("trainers",), "shop")


def test_another_question_has_another_key():
    keys = {
        RankingCache.key(url=url, body=body, headers=headers)
        for url in ("http://h/i", "http://h/j")
        for body in ("{}", "{} ")
        for headers in ((), (("a", "b"),), (("a", "c"),))
    }

    assert len(keys) == 12
    assert RankingCache.key(a=1, b=2) == RankingCache.key(b=2, a=1)


def test_a_failure_or_a_degraded_answer_is_not_kept(cache):
    cache.keep("ab12", Ranking("q1", (), problem="HTTP 503"))
    cache.keep("ab34", Ranking("q1", (), degraded="rules=timeout"))

    assert cache.load("ab12") is None
    assert cache.load("ab34") is None
    assert not cache.folder.exists()


def test_nothing_found_is_an_answer(cache):
    cache.keep("ab12", Ranking("q1", (), total=0))

    assert cache.load("ab12") == Ranking("q1", (), total=0, from_cache=True)


@pytest.mark.parametrize("damage", [b"", b"no gzip", b"\x1f\x8b\x08\x00" + bytes(20), None])
def test_what_cannot_be_read_was_never_there(cache, damage):
    cache.keep("ab12", RANKING)
    (path,) = cache.folder.rglob("*.json.gz")
    path.write_bytes(path.read_bytes()[:-12] if damage is None else damage)

    assert cache.load("ab12") is None


def test_nothing_half_written_is_left_behind(cache):
    cache.keep("ab12", RANKING)
    cache.keep("ab12", RANKING)

    assert [path.name for path in cache.folder.rglob("*") if path.is_file()] == ["12.json.gz"]


def test_the_folder_is_the_users_cache():
    assert "qrmiddleware" in str(default_folder())

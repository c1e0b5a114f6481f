import pytest

from qrmiddleware.errors import ConfigError
from qrmiddleware.evaluation.arm_client import Wanted
from qrmiddleware.evaluation.arms import Defaults, make_arms, parse_arm
from qrmiddleware.evaluation.asking import (
    AskOptions,
    ask_arms,
    check_depth,
    strangers,
    tells_provenance,
)
from qrmiddleware.evaluation.cache import RankingCache
from qrmiddleware.evaluation.collection import JudgedQueries, JudgedQuery
from qrmiddleware.evaluation.rankings import ArmRun, RankedHit, Ranking

TEXTS = ("shoe", "hat", "trainers", "boots")
JUDGED = JudgedQueries(
    tuple(JudgedQuery(f"q{n}", text) for n, text in enumerate(TEXTS)),
    {"q0": {"d1": 2, "d5": 0}, "q1": {"d3": 1}, "q2": {"d4": 1}, "q3": {"d4": 1}},
)


@pytest.fixture
def ask(search_server, tmp_path):
    """Ask arms that differ in their options; ``cached`` keeps their answers."""

    async def ask(*options, cached=False, judged=JUDGED, warmup=0, concurrency=1, **wanted):
        named = zip("abcd", options or ("",), strict=False)
        texts = [f"{name}={search_server.url};{each}" for name, each in named]
        arms = make_arms(list(map(parse_arm, texts)), Defaults(fields=("title",)))
        cache = RankingCache(tmp_path / "cache") if cached else None
        how = AskOptions(concurrency, warmup, cache)
        ticks = []
        asked = await ask_arms(arms, judged, Wanted(**wanted), how, ticks.append)
        assert len(ticks) == len(arms) * len(judged.queries)
        return asked

    return ask


def asked_texts(server):
    """The texts of all searches in order, each with the field that tells the arms apart."""
    found = []
    for body in server.engine.asked:
        clause = body["query"]["multi_match"]
        found.append((clause["query"], clause["fields"][0]))
    return found


async def test_every_arm_answers_every_query(ask):
    plain, boosted = await ask("", "fields=title^2")

    assert (plain.run.name, boosted.run.name) == ("a", "b")
    assert list(plain.run.rankings) == ["q0", "q1", "q2", "q3"]
    assert plain.run.rankings["q0"].doc_ids == ("d1", "d2", "d5")
    assert plain.run.rankings["q3"].hits == ()
    assert plain.run.depth == 1_000
    assert plain.engine == "Elasticsearch 9.9.9"
    assert (plain.notes, plain.failures) == ((), ())


async def test_arms_take_turns_query_by_query_and_in_beginning(ask, search_server):
    await ask("fields=title", "fields=title^2")

    probes, turns = asked_texts(search_server)[:2], asked_texts(search_server)[2:]
    assert probes == [("shoe", "title"), ("shoe", "title^2")]
    assert turns == [
        ("shoe", "title"),
        ("shoe", "title^2"),
        ("hat", "title^2"),
        ("hat", "title"),
        ("trainers", "title"),
        ("trainers", "title^2"),
        ("boots", "title^2"),
        ("boots", "title"),
    ]


async def test_warming_up_asks_the_first_queries_twice(ask, search_server):
    (arm,) = await ask(warmup=2)

    texts = [text for text, _ in asked_texts(search_server)]
    assert texts == ["shoe", "shoe", "hat", "shoe", "hat", "trainers", "boots"]
    assert len(arm.run.rankings) == 4


async def test_several_queries_may_be_under_way_at_a_time(ask):
    (arm,) = await ask(concurrency=3)

    assert list(arm.run.rankings) == ["q0", "q1", "q2", "q3"]


async def test_a_failure_is_kept_as_one_and_others_go_on(ask, search_server):
    search_server.broken = {"hat": (500, {"error": "boom"}), "trainers": (200, "<html>")}

    (arm,) = await ask()

    assert [ranking.query_id for ranking in arm.failures] == ["q1", "q2"]
    assert arm.run.rankings["q1"].problem == "HTTP 500: boom"
    assert arm.run.rankings["q0"].doc_ids == ("d1", "d2", "d5")


@pytest.mark.parametrize("status", [401, 403, 404])
async def test_an_arm_that_cannot_be_asked_at_all_ends_the_run(ask, search_server, status):
    search_server.broken = {"": (status, {"error": "no"})}

    with pytest.raises(ConfigError, match=f"arm a: http://127.*/shop: HTTP {status}: no"):
        await ask()


async def test_an_arm_that_nobody_runs_ends_the_run():
    (arm,) = make_arms([parse_arm("a=http://127.0.0.1:9/shop")], Defaults(fields=("title",)))

    with pytest.raises(ConfigError, match=r"arm a: .*cannot connect"):
        await ask_arms([arm], JUDGED, Wanted(), AskOptions())


async def test_a_first_query_that_fails_by_itself_does_not(ask, search_server):
    search_server.broken = {"shoe": (400, {"error": "bad"})}

    (arm,) = await ask()

    assert [ranking.query_id for ranking in arm.failures] == ["q0"]


async def test_no_queries_are_no_work(ask):
    (arm,) = await ask(judged=JudgedQueries((), {}))

    assert arm.run.rankings == {}


async def test_a_repeat_asks_one_query_to_see_who_serves(ask, search_server):
    (first,) = await ask(cached=True, warmup=4)
    before = len(search_server.engine.asked)

    (again,) = await ask(cached=True, warmup=4)

    assert len(search_server.engine.asked) == before + 1
    assert all(ranking.from_cache for ranking in again.run.rankings.values())
    assert again.notes == ("4 of 4 rankings come from the cache, with the latency of back then",)
    for query_id, ranking in first.run.rankings.items():
        assert again.run.rankings[query_id].hits == ranking.hits
        assert again.run.rankings[query_id].duration_ms == ranking.duration_ms


async def test_a_repeat_of_an_arm_with_a_version_asks_nothing(ask, search_server):
    search_server.headers = {"X-QRM-Pipeline": "shop"}
    await ask("version=1", cached=True)
    before = len(search_server.engine.asked)

    (again,) = await ask("version=1", cached=True)
    assert len(search_server.engine.asked) == before
    assert all(ranking.from_cache for ranking in again.run.rankings.values())

    (changed,) = await ask("version=2", cached=True)
    assert not any(ranking.from_cache for ranking in changed.run.rankings.values())


async def test_what_a_pipeline_serves_is_asked_afresh(ask, search_server):
    await ask(cached=True)  # nobody serves it yet, so that this is kept
    search_server.headers = {"X-QRM-Pipeline": "shop"}

    (arm,) = await ask(cached=True)

    assert not any(ranking.from_cache for ranking in arm.run.rankings.values())
    assert "pipeline shop serves it" in arm.notes[0]


@pytest.mark.parametrize(
    "option", ["fields=title^3", "header=X-Foo: 1", "type=most_fields", "operator=and"]
)
async def test_another_question_is_asked(ask, option):
    await ask(cached=True)

    (arm,) = await ask(option, cached=True)

    assert not any(ranking.from_cache for ranking in arm.run.rankings.values())


async def test_another_depth_or_another_state_of_the_index_is_asked(ask, search_server):
    await ask(cached=True)

    (deeper,) = await ask(cached=True, depth=7)
    search_server.operations += 1
    (newer,) = await ask(cached=True)

    assert not any(ranking.from_cache for ranking in deeper.run.rankings.values())
    assert not any(ranking.from_cache for ranking in newer.run.rankings.values())


async def test_where_the_index_cannot_be_seen_nothing_is_kept(ask, search_server):
    search_server.refused = {"docs"}
    await ask(cached=True)

    (arm,) = await ask(cached=True)

    assert not any(ranking.from_cache for ranking in arm.run.rankings.values())
    assert "cannot be seen" in arm.notes[0]


async def test_only_what_failed_is_asked_again(ask, search_server):
    search_server.broken = {"hat": (503, {"error": "busy"})}
    await ask("version=1", cached=True)
    search_server.broken = {}
    before = len(search_server.engine.asked)

    (arm,) = await ask("version=1", cached=True)

    assert arm.failures == ()
    assert arm.run.rankings["q1"].doc_ids == ("d3",)
    assert len(search_server.engine.asked) == before + 1


async def test_degraded_answers_are_counted(ask, search_server):
    search_server.headers = {"X-QRM-Degraded": "rules=timeout"}

    (arm,) = await ask()

    assert arm.notes == ("4 of 4 rankings are degraded: rules=timeout (4)",)


async def test_an_arm_that_says_who_found_what_is_known(ask, search_server):
    (silent,) = await ask(provenance=True)
    search_server.changed = lambda reply: [
        hit.update(_qrm={"found_by": ["x"]}) for hit in reply["hits"]["hits"]
    ]
    (telling,) = await ask(provenance=True)

    assert not tells_provenance(silent.run)
    assert tells_provenance(telling.run)


def test_hits_that_are_called_otherwise_than_the_judgments_are_noticed():
    hits = (RankedHit("SKU-1", 1.0),)
    run = ArmRun("a", {"q0": Ranking("q0", hits)}, 10)

    assert "none of its 1 hits is a document of the judgments" in strangers(JUDGED, run)
    assert "'SKU-1', judged documents such as 'd1'" in strangers(JUDGED, run)


def test_one_judged_hit_or_none_at_all_raises_no_suspicion():
    known = ArmRun("a", {"q0": Ranking("q0", (RankedHit("d4", 1.0),))}, 10)

    assert strangers(JUDGED, known) == ""
    assert strangers(JUDGED, ArmRun("a", {}, 10)) == ""
    assert strangers(JudgedQueries(JUDGED.queries, {}), known) == ""


@pytest.mark.parametrize("depth", [0, 10_001])
def test_a_depth_that_no_engine_answers_is_refused(depth):
    with pytest.raises(ConfigError, match="max_result_window"):
        check_depth(depth)


@pytest.mark.parametrize("depth", [1, 10_000])
def test_any_other_depth_is_accepted(depth):
    check_depth(depth)

"""Whole searches, every policy and judge, against an engine that tries everything."""

import json
import random
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qrmiddleware.dsl.search import SearchRequest, Untouched, parse_search, read_body
from qrmiddleware.dsl.uri import Parameters
from qrmiddleware.model import Boost, Hit, Restriction, Rewrite
from qrmiddleware.pipeline.options import MergeOptions, Options
from qrmiddleware.pipeline.search import blind_search, count, search
from qrmiddleware.pipeline.steps import (
    AskExplanations,
    AskFilters,
    AskRewards,
    AskRewriters,
    Relay,
    Trip,
)

POLICIES = ("dis_max", "should", "rrf", "linear", "append", "quota")
WORDS = ("red", "blue", "shoe", "boot", "lace", "sock")
QUERIES: dict[str, Any] = {
    "plain": {"match": {"title": "red shoe"}},
    "filtered": {
        "bool": {
            "must": [{"match": {"title": "red shoe"}}],
            "filter": [{"term": {"brand": "acme"}}],
        }
    },
    "or exactly": {
        "bool": {"should": [{"match": {"title": "red shoe"}}, {"term": {"brand": "globex"}}]}
    },
    "optional": {
        "bool": {
            "should": [{"match": {"title": "red shoe"}}],
            "filter": [{"term": {"brand": "acme"}}],
        }
    },
}
JUDGES: dict[str, dict[str, Any]] = {
    "nobody": {},
    "demote": {"filters": {"relevance": "demote"}},
    "drop": {"filters": {"relevance": "drop"}},
    "reward": {"reward_weights": {"margin": 1.0}, "engine_weight": 0.1},
    "both": {
        "filters": {"relevance": "demote", "recall": "drop"},
        "reward_weights": {"margin": 1.0},
    },
}
ALL = 10_000


def shelf(seed: int) -> list[dict[str, Any]]:
    """Some products at random."""
    rng = random.Random(seed)  # noqa: S311 tests that can be repeated
    return [
        {
            "title": " ".join(rng.choices(WORDS, k=rng.randint(1, 5))),
            "brand": rng.choice(["acme", "globex", "initech"]),
            "price": rng.randint(1, 100),
        }
        for _ in range(rng.randint(0, 40))
    ]


def number(hit: Hit) -> int:
    return int(hit.doc_id.removeprefix("d"))


@dataclass
class Shop:
    """Drives searches to their end; plugins judge by a document's number."""

    engine: Any
    proposals: dict[str, Any]
    seen: tuple[Hit, ...] = ()
    trips: int = 0
    judged: Any = None

    def answer(self, step):
        match step:
            case AskRewriters():
                return self.proposals
            case AskFilters(hits=hits):
                self.seen = hits
                flags = {"relevance": [number(hit) % 3 > 0 for hit in hits]}
                return {**flags, "recall": [number(hit) % 7 > 0 for hit in hits]}
            case AskRewards(hits=hits):
                self.seen = hits
                return {"margin": [float(number(hit) * 7 % 11) for hit in hits]}
            case AskExplanations(judged=judged):
                self.judged = judged
                told = [f"margin of {hit.doc_id}" for hit in judged["margin"]]
                return {"margin": told, "relevance": [None] * len(judged["relevance"])}
            case Trip(bodies=bodies, name="count"):
                return [self.engine.count(body) for body in bodies]
            case Trip(bodies=bodies):
                self.trips += 1
                return [self.engine.search(body) for body in bodies]

    def drive(self, steps):
        answer = None
        while True:
            try:
                step = steps.send(answer)
            except StopIteration as end:
                return end.value
            answer = self.answer(step)
            if isinstance(step, AskFilters):
                answer = {k: v for k, v in answer.items() if k in self.filters}

    filters: tuple[str, ...] = ()

    def search(self, body, options):
        self.filters = tuple(options.filters)
        result = self.drive(search(request_of(body), options))
        return result if isinstance(result, Untouched) else json.loads(result.render())

    def page(self, body, options, start, size):
        return self.search({**body, "from": start, "size": size}, options)["hits"]["hits"]


def request_of(body) -> SearchRequest:
    request = parse_search(read_body(json.dumps(body).encode()).tree, Parameters())
    assert isinstance(request, SearchRequest)
    return request


def ids(hits):
    return [hit["_id"] for hit in hits]


REWRITES = {"rules": [Rewrite("blue boot", 0.9)], "table": [Rewrite("lace", 0.5), Rewrite("sock")]}


@dataclass(frozen=True)
class Situation:
    """One shop, one search, one pipeline."""

    docs: int
    query: str
    policy: str
    judge: str
    window: int
    min_hits: int
    places: int
    per: int

    @property
    def options(self) -> Options:
        merge = MergeOptions(
            policy=self.policy, min_hits=self.min_hits, places=self.places, per=self.per, boost=0.7
        )
        return Options(merge=merge, rank_window_size=self.window, **JUDGES[self.judge])

    @property
    def body(self):
        return {"query": QUERIES[self.query], "aggs": {"b": {"terms": {"field": "brand"}}}}

    def shop(self, make_engine) -> Shop:
        return Shop(make_engine(shelf(self.docs)), REWRITES)

    def union(self, shop: Shop) -> set[str]:
        """What the search must find, by asking for each wording alone."""
        own = self.found(shop, "red shoe")
        if self.policy == "append" and len(own) >= self.min_hits:
            return own
        return own.union(*(self.found(shop, text) for text in ("blue boot", "lace", "sock")))

    def found(self, shop: Shop, text: str) -> set[str]:
        body = json.dumps(self.body | {"size": ALL}).replace("red shoe", text)
        return set(ids(json.loads(shop.engine.search(body.encode()))["hits"]["hits"]))


SITUATIONS = st.builds(
    Situation,
    docs=st.integers(0, 2**32),
    query=st.sampled_from(sorted(QUERIES)),
    policy=st.sampled_from(POLICIES),
    judge=st.sampled_from(sorted(JUDGES)),
    window=st.integers(1, 15),
    min_hits=st.integers(1, 30),
    places=st.integers(1, 2),
    per=st.integers(3, 6),
)
IN_EVERY_WAY = pytest.mark.parametrize(
    ("policy", "judge"), [(policy, judge) for policy in POLICIES for judge in JUDGES]
)


def in_every_way(seed: int, policy: str, judge: str) -> Situation:
    rng = random.Random(seed)  # noqa: S311 tests that can be repeated
    return Situation(
        docs=seed,
        query=rng.choice(sorted(QUERIES)),
        policy=policy,
        judge=judge,
        window=rng.randint(1, 15),
        min_hits=rng.randint(1, 30),
        places=rng.randint(1, 2),
        per=rng.randint(3, 6),
    )


@IN_EVERY_WAY
def test_pages_part_the_ranking_however_they_are_cut(make_engine, policy, judge):
    for seed in range(6):
        situation = in_every_way(seed, policy, judge)
        check_pages(situation, situation.shop(make_engine), random.Random(seed))  # noqa: S311


@given(SITUATIONS, st.randoms(use_true_random=False))
def test_pages_part_the_ranking_of_any_search(make_engine, situation, rng):
    check_pages(situation, situation.shop(make_engine), rng)


def check_pages(situation: Situation, shop: Shop, rng: random.Random) -> None:
    """Cut one ranking in several ways; every way must show the same."""
    body, options = situation.body, situation.options
    whole = shop.page(body, options, 0, ALL)
    ranking = ids(whole)
    expected = situation.union(shop)

    assert len(set(ranking)) == len(ranking)
    if options.drops:
        lost = {"drop": 3, "both": 7}[situation.judge]
        assert set(ranking) <= expected
        assert all(int(doc_id[1:]) % lost == 0 for doc_id in expected - set(ranking))
        assert len(expected) - len(ranking) <= situation.window
    else:
        assert set(ranking) == expected

    size = rng.randint(1, 7)
    pages = [shop.page(body, options, start, size) for start in range(0, len(ranking) + size, size)]
    hits = [hit for page in pages for hit in page]
    assert ids(hits) == ranking
    assert [hit["_score"] for hit in hits] == pytest.approx([hit["_score"] for hit in whole])

    start, size = rng.randint(0, 20), rng.randint(1, 20)
    assert ids(shop.page(body, options, start, size)) == ranking[start : start + size]

    scores = [hit["_score"] for hit in hits]
    assert all(score >= 0 for score in scores)
    assert scores == sorted(scores, reverse=True)


@given(SITUATIONS, st.integers(0, 12))
def test_totals_and_facets_are_those_of_everything_found(make_engine, situation, start):
    shop = situation.shop(make_engine)

    reply = shop.search({**situation.body, "from": start}, situation.options)

    union = situation.union(shop)
    assert reply["hits"]["total"] == {"value": len(union), "relation": "eq"}
    counted = {b["key"]: b["doc_count"] for b in reply["aggregations"]["b"]["buckets"]}
    brands = [doc["brand"] for doc in shop.engine.docs if doc["_id"] in union]
    assert counted == {brand: brands.count(brand) for brand in set(brands)}


@given(SITUATIONS)
def test_a_count_agrees_with_the_searchs_total(make_engine, situation):
    shop = situation.shop(make_engine)
    searched = shop.search(situation.body, situation.options)["hits"]["total"]["value"]

    relay = shop.drive(count(request_of({"query": QUERIES[situation.query]}), situation.options))

    assert isinstance(relay, Relay)
    assert json.loads(shop.engine.count(relay.body))["count"] == searched


@given(SITUATIONS)
def test_without_proposals_and_judges_a_search_is_left_alone(make_engine, situation):
    options = Options(merge=situation.options.merge)
    for proposals in ({}, {"rules": [Rewrite("RED shoe")]}):
        shop = Shop(make_engine(shelf(situation.docs)), proposals)

        assert shop.search(situation.body, options) == Untouched("no plugin proposed anything")
        assert shop.engine.asked == []


@IN_EVERY_WAY
def test_names_and_fields_of_ours_never_reach_the_client(make_engine, policy, judge):
    for seed in range(4):
        situation = in_every_way(seed, policy, judge)
        shop = situation.shop(make_engine)
        body = {**situation.body, "_source": ["price"], "fields": ["brand"]}

        hits = shop.page(body, situation.options, 0, 10)

        assert all(hit.keys() == {"_index", "_id", "_score", "_source", "fields"} for hit in hits)
        assert all(hit["_source"].keys() == {"price"} for hit in hits)
        assert all(hit["fields"].keys() == {"brand"} for hit in hits)
        assert all("title" in hit.source for hit in shop.seen)


@pytest.mark.parametrize("policy", POLICIES)
def test_it_is_known_which_wording_found_a_hit(make_engine, policy):
    docs = [{"title": t} for t in ("red shoe", "blue boot", "red boot", "lace", "sock lace")]
    shop = Shop(make_engine(docs), REWRITES)
    merge = MergeOptions(policy=policy)
    options = Options(merge=merge, reward_weights={"margin": 1.0})

    shop.search({"query": QUERIES["plain"]}, options)

    found_by = {hit.doc_id: hit.found_by for hit in shop.seen}
    assert found_by["d1"] == ("red shoe",)
    assert found_by["d2"] == ("blue boot",)
    assert found_by["d4"] == ("lace",)
    assert found_by["d5"] == ("lace", "sock")
    own_first = ("red shoe",) if policy in {"append", "quota"} else ("red shoe", "blue boot")
    assert found_by["d3"] == own_first


def test_a_replacement_is_what_is_searched_for(make_engine):
    shop = Shop(
        make_engine([{"title": "red"}, {"title": "blue"}]), {"a": [Rewrite("blue", replaces=True)]}
    )

    assert ids(shop.page({"query": {"match": {"title": "red"}}}, Options(), 0, 10)) == ["d2"]


def test_boosts_and_restrictions_act_in_every_policy(make_engine):
    docs = [{"title": t} for t in ("red shoe", "red boot", "red shoe old", "blue boot", "blue old")]
    wishes = [Boost("boot", weight=5.0), Restriction("old", excludes=True)]

    for policy in POLICIES:
        shop = Shop(make_engine(docs), {"a": [Rewrite("blue", 0.5), *wishes]})
        options = Options(merge=MergeOptions(policy=policy))

        page = shop.page({"query": {"match": {"title": "red"}}}, options, 0, 10)

        assert sorted(ids(page)) == ["d1", "d2", "d4"]
        assert ids(page)[0] == "d2"


@given(SITUATIONS)
def test_append_goes_again_only_when_too_little_was_found(make_engine, situation):
    shop = situation.shop(make_engine)
    merge = MergeOptions(policy="append", min_hits=situation.min_hits)

    shop.search(situation.body, Options(merge=merge))

    enough = len(situation.found(shop, "red shoe")) >= situation.min_hits
    assert shop.trips == (1 if enough else 2)


@given(SITUATIONS)
def test_appended_hits_stand_behind_the_users_own(make_engine, situation):
    shop = situation.shop(make_engine)
    merge = MergeOptions(policy="append", min_hits=situation.min_hits)
    own = situation.found(shop, "red shoe")

    ranking = ids(shop.page(situation.body, Options(merge=merge), 0, ALL))

    assert set(ranking[: len(own)]) == own


@given(SITUATIONS)
def test_quota_never_gives_rewrites_more_than_their_places(make_engine, situation):
    shop = situation.shop(make_engine)
    merge = MergeOptions(policy="quota", places=situation.places, per=situation.per)
    own = situation.found(shop, "red shoe")

    ranking = ids(shop.page(situation.body, Options(merge=merge), 0, ALL))

    flags = [doc_id not in own for doc_id in ranking]
    last_own = max((place for place, foreign in enumerate(flags) if not foreign), default=0)
    for start in range(0, last_own - situation.per + 2, situation.per):
        assert sum(flags[start : start + situation.per]) <= situation.places


@given(SITUATIONS)
def test_the_first_score_is_the_greatest_and_max_score_says_it(make_engine, situation):
    shop = situation.shop(make_engine)

    reply = shop.search(situation.body, situation.options)

    if reply["hits"]["hits"]:
        assert reply["hits"]["max_score"] == reply["hits"]["hits"][0]["_score"]


def test_a_search_with_its_own_order_is_widened_and_not_reranked(make_engine):
    shop = Shop(make_engine(shelf(1)), REWRITES)
    options = Options(filters={"relevance": "drop"}, reward_weights={"margin": 1.0})
    body = {"query": QUERIES["plain"], "search_after": [1]}

    reply = shop.search(body, options)

    assert shop.seen == ()
    assert reply["hits"]["total"]["value"] == len(
        Situation(1, "plain", "dis_max", "nobody", 5, 5, 1, 3).union(shop)
    )


@pytest.mark.parametrize("policy", POLICIES)
def test_a_blind_search_asks_once_for_everything_with_nothing_to_clean_up(make_engine, policy):
    shop = Shop(make_engine(shelf(3)), REWRITES)

    relay = shop.drive(
        blind_search(
            request_of({"query": QUERIES["plain"]}), Options(merge=MergeOptions(policy=policy))
        )
    )

    hits = json.loads(shop.engine.search(relay.body))["hits"]["hits"]
    assert hits
    assert all("matched_queries" not in hit for hit in hits)


def test_two_documents_of_one_id_are_judged_each_for_itself(make_engine):
    engine = make_engine(
        [{"title": "red"}, {"title": "red red", "_id": "d1"}, {"title": "red shoe"}]
    )
    shop = Shop(engine, {})

    page = shop.page(
        {"query": {"match": {"title": "red"}}}, Options(filters={"relevance": "demote"}), 0, 9
    )

    assert sorted(ids(page)) == ["d1", "d1", "d3"]


@pytest.mark.parametrize("counted", [False, True, 3, 50])
def test_counting_is_as_the_client_asked(make_engine, counted):
    shop = Shop(make_engine(shelf(5)), REWRITES)
    body = {"query": QUERIES["plain"], "track_total_hits": counted}

    for policy in POLICIES:
        options = Options(merge=MergeOptions(policy=policy, min_hits=1_000))

        section = shop.search(body, options)["hits"]

        assert ("total" in section) is (counted is not False)


@pytest.mark.parametrize(("counted", "shown"), [(False, -1), (True, 25)])
def test_where_totals_are_numbers_one_that_was_not_counted_is_minus_one(
    make_engine, monkeypatch, counted, shown
):
    engine = make_engine(shelf(5))
    as_objects = engine.search

    def as_numbers(data):
        reply = json.loads(as_objects(data))
        total = reply["hits"].get("total")
        return json.dumps(
            {**reply, "hits": {**reply["hits"], "total": total["value"] if total else -1}}
        ).encode()

    monkeypatch.setattr(engine, "search", as_numbers)
    shop = Shop(engine, {})
    shop.filters = ("relevance",)
    body = {"query": QUERIES["plain"], "track_total_hits": counted}

    section = shop.search(body, Options(filters={"relevance": "demote"}))["hits"]

    assert section["total"] == shown


@pytest.mark.parametrize("judge", sorted(JUDGES))
@pytest.mark.parametrize("policy", POLICIES)
def test_no_more_hits_are_asked_for_than_engines_give_by_default(make_engine, policy, judge):
    options = Options(merge=MergeOptions(policy=policy), rank_window_size=1_000, **JUDGES[judge])
    for start in (0, 900, 5_000, 9_990):
        shop = Shop(make_engine(shelf(7)), REWRITES)

        shop.page({"query": QUERIES["plain"]}, options, start, 10)

        assert all(body["from"] + body["size"] <= ALL for body in shop.engine.asked)


def test_debug_output_says_where_each_hit_comes_from(make_engine):
    shop = Shop(make_engine([{"title": "red"}, {"title": "blue"}]), {"a": [Rewrite("blue", 0.5)]})
    shop.filters = ("relevance",)
    options = Options(filters={"relevance": "demote"}, reward_weights={"margin": 1.0})
    answer = shop.drive(search(request_of({"query": {"match": {"title": "red"}}}), options))

    hits = json.loads(answer.render({"a": 1}, debug=True))["hits"]["hits"]

    assert [hit["_qrm"] for hit in hits] == [
        {"found_by": ["red"], "upstream_score": 1.0, "upstream_rank": 1, "reward": 1.0},
        {"found_by": ["blue"], "upstream_score": 0.3, "upstream_rank": 2, "reward": 0.0},
    ]


def explained(make_engine, action, *, explains=True, window=6, offset=0):
    """A page of two of seven red products, of which a filter flags every third."""
    shop = Shop(make_engine([{"title": "red"}] * 7), {})
    shop.filters = ("relevance",)
    options = Options(
        filters={"relevance": action}, reward_weights={"margin": 1.0}, rank_window_size=window
    )
    body = {"query": {"match": {"title": "red"}}, "size": 2, "from": offset}
    answer = shop.drive(search(request_of(body), options, explains=explains))
    return shop, json.loads(answer.render({}, debug=explains))


def test_without_debug_nobody_is_asked_why(make_engine):
    shop, reply = explained(make_engine, "demote", explains=False)

    assert shop.judged is None
    assert all("_qrm" not in hit for hit in reply["hits"]["hits"])
    assert "ext" not in reply


def test_plugins_are_asked_why_about_the_hits_that_they_judged(make_engine):
    shop, _ = explained(make_engine, "demote")

    asked = {name: [hit.doc_id for hit in hits] for name, hits in shop.judged.items()}
    assert asked == {
        "relevance": ["d1", "d2", "d3", "d4", "d5", "d6"],
        "margin": ["d1", "d2", "d4", "d5"],
    }


def test_shown_hits_have_the_explanations_of_all_who_have_one(make_engine):
    _, reply = explained(make_engine, "demote")

    said = {hit["_id"]: hit["_qrm"]["explanations"] for hit in reply["hits"]["hits"]}
    assert said == {doc_id: {"margin": f"margin of {doc_id}"} for doc_id in said}
    assert len(said) == 2


def test_the_windows_other_hits_that_moved_say_where_they_went_and_who_flagged_them(make_engine):
    _, demoted = explained(make_engine, "demote")
    _, dropped = explained(make_engine, "drop")

    assert ids(demoted["hits"]["hits"]) == ids(dropped["hits"]["hits"]) == ["d1", "d4"]
    window = {hit["_id"]: hit for hit in demoted["ext"]["qrm"]["window"]}
    assert {name: hit["rank"] for name, hit in window.items()} == {
        "d2": 3,
        "d3": 5,
        "d5": 4,
        "d6": 6,
    }
    assert window["d3"]["flagged_by"] == ["relevance"]
    assert (window["d3"]["demoted"], window["d3"]["upstream_rank"]) == (True, 3)
    assert window["d2"]["explanations"] == {"margin": "margin of d2"}
    assert "flagged_by" not in window["d2"]
    gone = {hit["_id"] for hit in dropped["ext"]["qrm"]["window"] if hit["rank"] is None}
    assert gone == {"d3", "d6"}
    assert dropped["ext"]["qrm"]["filtered"] == 2


def test_a_page_behind_the_window_has_nothing_to_explain(make_engine):
    shop = Shop(make_engine([{"title": "red"}] * 5 + [{"title": "blue"}]), {"a": [Rewrite("blue")]})
    options = Options(reward_weights={"margin": 1.0}, rank_window_size=2)
    body = {"query": {"match": {"title": "red"}}, "from": 4}

    answer = shop.drive(search(request_of(body), options, explains=True))

    assert shop.judged is None
    reply = json.loads(answer.render({"a": 1}, debug=True))
    assert reply["ext"]["qrm"] == {"a": 1}
    assert all("explanations" not in hit["_qrm"] for hit in reply["hits"]["hits"])

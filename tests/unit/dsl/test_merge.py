import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qrmiddleware.dsl.merge import (
    Slots,
    Wording,
    boosted,
    merged,
    restricted,
    single,
    supplement,
)
from qrmiddleware.dsl.text import get_at, text_leaves, with_part
from qrmiddleware.model import Boost, Restriction

WORDS = ("red", "blue", "shoe", "boot", "lace")


def shelf(seed: int) -> list[dict[str, object]]:
    """A few products at random."""
    rng = random.Random(seed)  # noqa: S311 tests that can be repeated
    return [
        {
            "title": " ".join(rng.choices(WORDS, k=rng.randint(1, 4))),
            "brand": rng.choice(["acme", "globex"]),
            "price": rng.choice([50, 150]),
            "reviews": [{"title": rng.choice(WORDS)} for _ in range(rng.randint(0, 2))],
            **({"sold_out": True} if rng.random() < 0.2 else {}),
        }
        for _ in range(rng.randint(1, 8))
    ]


DOCS = st.integers(0, 2**32).map(shelf)
COMBINE = st.sampled_from(["dis_max", "should"])


def slots_of(query) -> Slots:
    return Slots(query, tuple(text_leaves(query)))


def found(engine, query) -> dict[str, float]:
    reply = json.loads(engine.search(json.dumps({"query": query, "size": 100}).encode()))
    return {hit["_id"]: hit["_score"] for hit in reply["hits"]["hits"]}


def named(query: object) -> list[str]:
    if isinstance(query, dict):
        inner = [name for value in query.values() for name in named(value)]
        return [*([query["_name"]] if "_name" in query else []), *inner]
    if isinstance(query, list):
        return [name for item in query for name in named(item)]
    return []


@given(st.data(), DOCS, COMBINE)
def test_one_wording_merged_finds_and_scores_as_the_query_does(
    make_engine, shop_queries, data, docs, combine
):
    query = data.draw(shop_queries)
    engine = make_engine(docs)

    alone = merged(slots_of(query), [Wording("red shoe")], combine=combine)

    assert found(engine, alone) == pytest.approx(found(engine, query))


@given(st.data(), DOCS, COMBINE)
def test_merged_finds_what_any_wording_finds(make_engine, shop_queries, data, docs, combine):
    slots = slots_of(data.draw(shop_queries))
    engine = make_engine(docs)
    wordings = [Wording("red shoe"), Wording("blue boot", 0.5, 1), Wording("lace", 0.4, 2)]

    union = found(engine, merged(slots, wordings, combine=combine))

    each = [found(engine, single(slots, wording)) for wording in wordings]
    assert union.keys() == each[0].keys() | each[1].keys() | each[2].keys()


@given(st.data(), DOCS)
def test_dis_max_never_scores_below_the_users_own_wording(make_engine, shop_queries, data, docs):
    query = data.draw(shop_queries)
    slots = slots_of(query)
    engine = make_engine(docs)
    if "boosting" in json.dumps(query):
        return  # a division: lower is right

    union = found(engine, merged(slots, [Wording("red shoe"), Wording("blue boot", 0.5, 1)]))

    for doc_id, score in found(engine, query).items():
        assert union[doc_id] >= score - 1e-9


@given(st.data(), DOCS)
def test_the_supplement_finds_only_what_the_first_wording_does_not(
    make_engine, shop_queries, data, docs
):
    slots = slots_of(data.draw(shop_queries))
    engine = make_engine(docs)
    wordings = [Wording("red shoe"), Wording("blue boot", 0.5, 1), Wording("lace", 0.4, 2)]

    union = merged(slots, wordings[1:])

    more = found(engine, supplement(union, single(slots, wordings[0]))).keys()

    own = found(engine, single(slots, wordings[0])).keys()
    rewrites = [found(engine, single(slots, wording)).keys() for wording in wordings[1:]]
    assert more == (rewrites[0] | rewrites[1]) - own


@given(st.data(), COMBINE)
def test_nothing_outside_the_scoring_clause_changes(text_queries, data, combine):
    text, query = data.draw(text_queries)
    slots = slots_of(query)

    union = merged(slots, [Wording(text), Wording("another", 0.5, 1)], combine=combine)

    assert with_part(union, slots.clause, "scoring clause") == with_part(
        query, slots.clause, "scoring clause"
    )


@given(st.data(), st.booleans())
def test_copies_are_named_or_not_and_the_clients_names_stay_once(text_queries, data, ours):
    text, query = data.draw(text_queries)
    wordings = [Wording(text), Wording("another", 0.5, 1), Wording("third", 0.4, 2)]

    names = named(merged(slots_of(query), wordings, named=ours))

    assert sorted(names) == sorted(
        [*named(query), *(["_qrm.0", "_qrm.1", "_qrm.2"] if ours else [])]
    )


def test_the_same_filters_serve_every_wording():
    query = {
        "bool": {
            "must": [{"match": {"title": "red shoe"}}],
            "should": [{"match": {"description": "red shoe"}}, {"term": {"in_stock": True}}],
            "filter": [{"term": {"brand": "acme"}}],
            "must_not": [{"term": {"sold_out": True}}],
            "boost": 2,
        }
    }

    def own(text):
        return {
            "bool": {
                "must": [{"match": {"title": text}}],
                "should": [{"match": {"description": text}}, {"term": {"in_stock": True}}],
            }
        }

    assert merged(slots_of(query), [Wording("red shoe"), Wording("sneaker", 0.6, 1)]) == {
        "bool": {
            "filter": [{"term": {"brand": "acme"}}],
            "must_not": [{"term": {"sold_out": True}}],
            "boost": 2,
            "must": [
                {
                    "dis_max": {
                        "queries": [
                            {"bool": {"must": [own("red shoe")], "boost": 1.0, "_name": "_qrm.0"}},
                            {"bool": {"must": [own("sneaker")], "boost": 0.6, "_name": "_qrm.1"}},
                        ],
                        "tie_breaker": 0.0,
                    }
                }
            ],
        }
    }


def test_should_adds_scores_and_one_wording_is_enough():
    query = {"match": {"title": "red shoe"}}

    union = merged(
        slots_of(query),
        [Wording("red shoe"), Wording("sneaker", 0.6, 1)],
        combine="should",
        named=False,
    )

    assert union == {
        "bool": {
            "should": [query, {"bool": {"must": [{"match": {"title": "sneaker"}}], "boost": 0.6}}],
            "minimum_should_match": 1,
        }
    }


@pytest.mark.parametrize(("more", "at"), [({}, ()), ({"inner_hits": {}}, ("nested", "query"))])
def test_nested_is_copied_whole_unless_it_has_inner_hits(more, at):
    query = {"nested": {"path": "reviews", "query": {"match": {"reviews.text": "red"}}, **more}}

    assert slots_of(query).clause == at


def test_inner_hits_stand_once():
    query = {
        "bool": {
            "should": [
                {"match": {"title": "red shoe"}},
                {
                    "nested": {
                        "path": "reviews",
                        "query": {"match": {"reviews.text": "red shoe"}},
                        "inner_hits": {"size": 1},
                    }
                },
            ]
        }
    }
    slots = slots_of(query)
    rewrite = Wording("sneaker", 0.6, 1)

    for sent in (
        merged(slots, [Wording("red shoe"), rewrite]),
        supplement(merged(slots, [rewrite]), query),
        boosted(query, slots, [Boost("sale"), Boost("old", weight=-1)]),
        restricted(query, slots, [Restriction("new"), Restriction("old", excludes=True)]),
    ):
        assert json.dumps(sent).count("inner_hits") == 1


@given(st.data(), DOCS)
def test_a_restriction_keeps_what_matches_and_an_exclusion_the_rest(
    make_engine, shop_queries, data, docs
):
    query = data.draw(shop_queries)
    slots = slots_of(query)
    engine = make_engine(docs)
    everything = found(engine, query)
    clause = {"match": {"title": "boot"}}
    having = found(engine, clause).keys()

    kept = found(engine, restricted(query, slots, [Restriction(clause=clause)]))
    rest = found(engine, restricted(query, slots, [Restriction(clause=clause, excludes=True)]))

    assert kept.keys() == everything.keys() & having
    assert rest.keys() == everything.keys() - having
    assert {**kept, **rest} == everything


@given(st.data(), DOCS, st.sampled_from([2.0, 0.5, -1.0]))
def test_a_boost_finds_nothing_and_loses_nothing(make_engine, shop_queries, data, docs, weight):
    query = data.draw(shop_queries)
    engine = make_engine(docs)

    sent = boosted(query, slots_of(query), [Boost("boot", weight=weight)])

    assert found(engine, sent).keys() == found(engine, query).keys()


def test_a_boost_adds_its_clauses_score_and_a_negative_one_divides(make_engine):
    query = {"match": {"title": "shoe"}}
    engine = make_engine([{"title": "shoe"}, {"title": "shoe lace"}])
    up = boosted(query, slots_of(query), [Boost("lace", weight=3.0)])
    down = boosted(query, slots_of(query), [Boost(clause={"match": {"title": "lace"}}, weight=-1)])

    assert found(engine, up) == {"d1": 1.0, "d2": 4.0}
    assert found(engine, down) == {"d1": 1.0, "d2": 0.5}


def test_texts_of_boosts_and_restrictions_are_matched_in_the_clients_fields():
    query = {"multi_match": {"query": "shoe", "fields": ["title^2", "brand"], "operator": "and"}}

    slots = slots_of(query)

    raised = boosted(query, slots, [Boost("red")])
    kept = restricted(query, slots, [Restriction("acme")])

    def copy(text):
        return {"multi_match": {"query": text, "fields": ["title^2", "brand"], "operator": "and"}}

    assert raised == {
        "bool": {"must": [query], "should": [{"bool": {"must": [copy("red")], "boost": 1.0}}]}
    }
    assert kept == {"bool": {"must": [query], "filter": [copy("acme")]}}


@pytest.mark.parametrize("needed", ["30%", "-1", 0, "0", None])
def test_filters_are_copied_where_should_is_optional(make_engine, needed):
    query = {
        "bool": {
            "filter": [{"term": {"brand": "acme"}}],
            "should": [{"match": {"title": "red"}}, {"match": {"title": {"query": "red"}}}],
            "minimum_should_match": needed,
        }
    }
    engine = make_engine([{"title": "red", "brand": "acme"}, {"title": "blue", "brand": "acme"}])
    if needed == "-1":
        query["bool"]["should"].pop()
        query["bool"]["should"].append({"dis_max": {"queries": [{"match": {"title": "red"}}]}})

    union = merged(slots_of(query), [Wording("red"), Wording("green", 0.5, 1)])

    assert found(engine, union).keys() == found(engine, query).keys()


def test_the_users_own_spelling_of_each_slot_stays():
    query = {
        "dis_max": {
            "queries": [{"match": {"title": "Red  Shoe"}}, {"match": {"brand": "red shoe"}}]
        }
    }

    union = merged(slots_of(query), [Wording("Red  Shoe"), Wording("Blue", 0.5, 1)])

    first, second = get_at(union, ("dis_max", "queries"))
    assert first["bool"]["must"] == [query]
    assert "Blue" in json.dumps(second)


@pytest.mark.parametrize("needed", ["9" * 5_000, "²", "-1", "30%", "0", "00", True, 1.5, None, []])
def test_any_minimum_of_matches_is_merged(needed):
    match = {"match": {"title": "red shoe"}}
    body = {"should": [match, match], "filter": [], "minimum_should_match": needed}

    query = merged(slots_of({"bool": body}), [Wording("red shoe"), Wording("boot", 0.5, 1)])

    assert "boot" in json.dumps(query)

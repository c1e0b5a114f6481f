import json

import pytest

from qrmiddleware.dsl.search import SearchRequest, parse_search, read_body
from qrmiddleware.dsl.uri import Parameters
from qrmiddleware.model import Boost, Restriction, Rewrite
from qrmiddleware.pipeline.options import MergeOptions, Options
from qrmiddleware.pipeline.plan import (
    count_body,
    first_searches,
    prepare,
    second_searches,
    unnamed_search,
)

BODY = {
    "query": {"match": {"title": "red shoe"}},
    "aggs": {"brands": {"terms": {"field": "brand"}}},
    "suggest": {"text": "red shoe", "s": {"term": {"field": "title"}}},
    "highlight": {"fields": {"title": {}}},
}


def plan_of(*proposals, body=BODY, query_string="", **options):
    request = parse_search(
        read_body(json.dumps(body).encode()).tree, Parameters.parse(query_string)
    )
    assert isinstance(request, SearchRequest)
    return prepare(request, {"rules": proposals}, Options(**options))


def bodies(plan):
    return [json.loads(body) for body in first_searches(plan)]


def policy(name, **more):
    return {"merge": MergeOptions(policy=name, **more)}


def test_wordings_weigh_their_own_weight_times_the_configured_boost():
    plan = plan_of(Rewrite("sneaker", 0.5), Rewrite("trainer"), merge=MergeOptions(boost=0.6))

    assert [(w.text, w.boost, w.position) for w in plan.wordings] == [
        ("red shoe", 1.0, 0),
        ("sneaker", 0.3, 1),
        ("trainer", 0.6, 2),
    ]


def test_a_replacement_is_the_first_wording():
    plan = plan_of(Rewrite("sneaker"), Rewrite("red boot", replaces=True))

    assert [wording.text for wording in plan.wordings] == ["red boot", "sneaker"]


@pytest.mark.parametrize("name", ["dis_max", "should"])
def test_in_query_policies_ask_once_for_the_clients_page(name):
    (body,) = bodies(
        plan_of(Rewrite("sneaker"), body={**BODY, "from": 5, "size": 3}, **policy(name))
    )

    assert body.items() >= {**BODY, "from": 5, "size": 3, "query": body["query"]}.items()


@pytest.mark.parametrize("name", ["rrf", "linear", "quota"])
def test_only_the_union_is_asked_for_facets_and_suggestions(name):
    *lists, union = bodies(plan_of(Rewrite("sneaker"), rank_window_size=20, **policy(name)))

    assert len(lists) == 2
    for body in lists:
        assert body.keys() == {"query", "highlight", "from", "size", "track_total_hits"}
        assert body["track_total_hits"] is False
        assert body["from"] == 0
    assert {"aggs", "suggest"} <= union.keys()
    assert union["size"] == 0


def test_fused_rankings_are_as_long_as_the_window_whatever_the_page():
    for start in (0, 10, 90):
        *lists, _ = bodies(
            plan_of(
                Rewrite("sneaker"),
                body={**BODY, "from": start},
                rank_window_size=50,
                **policy("rrf"),
            )
        )
        assert [body["size"] for body in lists] == [50, 50]


@pytest.mark.parametrize(("start", "tail"), [(0, 0), (40, 0), (41, 51), (90, 100)])
def test_the_union_is_asked_for_hits_only_beyond_the_window(start, tail):
    *_, union = bodies(
        plan_of(
            Rewrite("sneaker"), body={**BODY, "from": start}, rank_window_size=50, **policy("rrf")
        )
    )

    assert (union["from"], union["size"]) == (0, tail)


@pytest.mark.parametrize(
    ("proposals", "body", "note"),
    [
        ([], BODY, "there is one wording only"),
        ([Boost("sale")], BODY, "there is one wording only"),
        (
            [Rewrite("sneaker")],
            {**BODY, "collapse": {"field": "brand"}},
            "the search uses collapse",
        ),
        ([Rewrite("sneaker")], {**BODY, "size": 0}, "size is 0"),
    ],
)
def test_what_cannot_be_several_searches_is_one(proposals, body, note):
    plan = plan_of(*proposals, body=body, **policy("rrf"))

    assert (plan.policy, plan.policy_note) == ("dis_max", note)


def test_append_counts_at_least_as_far_as_it_must_know():
    for counted, asked in [(False, 40), (True, True), (5, 40), (50, 50)]:
        (body,) = bodies(
            plan_of(
                Rewrite("sneaker"),
                body={**BODY, "track_total_hits": counted},
                **policy("append", min_hits=40),
            )
        )
        assert body["track_total_hits"] == asked


def test_append_goes_on_where_the_users_own_hits_end():
    plan = plan_of(Rewrite("sneaker"), body={**BODY, "from": 4, "size": 5}, **policy("append"))

    assert second_searches(plan, found=10, fetched=5) == ()
    more, union = map(json.loads, second_searches(plan, found=6, fetched=2))
    assert (more["from"], more["size"]) == (0, 3)
    assert (union["from"], union["size"]) == (0, 0)
    last, more, _ = map(json.loads, second_searches(plan, found=3, fetched=0))
    assert (last["from"], last["size"]) == (2, 1)
    assert (more["from"], more["size"]) == (1, 5)


def test_judges_see_the_window_and_the_page_is_cut_from_it():
    judged = {"reward_weights": {"margin": 1.0}, "rank_window_size": 50}

    (inside,) = bodies(plan_of(body={**BODY, "from": 20}, **judged))
    (across,) = bodies(plan_of(body={**BODY, "from": 45}, **judged))
    beyond = plan_of(body={**BODY, "from": 50}, **judged)

    assert (inside["from"], inside["size"]) == (0, 50)
    assert (across["from"], across["size"]) == (0, 55)
    assert not beyond.acts


def test_a_filter_that_drops_looks_as_much_deeper_as_it_may_drop():
    (body,) = bodies(
        plan_of(body={**BODY, "from": 60}, filters={"relevance": "drop"}, rank_window_size=50)
    )

    assert (body["from"], body["size"]) == (0, 120)


@pytest.mark.parametrize(
    ("body", "options", "fields"),
    [
        ({}, {}, None),
        ({"_source": False}, {}, ["*"]),
        ({"_source": ["a"], "fields": ["b"]}, {"fields": ("title",)}, ["title", "b"]),
    ],
)
def test_what_judges_must_see_is_fetched_beside_what_the_client_wants(body, options, fields):
    plan = plan_of(body={**BODY, **body}, reward_weights={"margin": 1.0}, **options)

    assert bodies(plan)[0].get("fields") == fields


def test_a_count_is_restricted_but_not_boosted():
    plan = plan_of(
        Rewrite("sneaker"), Boost("sale"), Restriction("new"), body={"query": BODY["query"]}
    )

    own = json.loads(count_body(plan, union=False))
    union = json.loads(count_body(plan, union=True))

    assert own == {
        "query": {"bool": {"must": [BODY["query"]], "filter": [{"match": {"title": "new"}}]}}
    }
    assert "sneaker" in json.dumps(union)
    assert "sale" not in json.dumps(union)
    assert "_qrm" not in json.dumps(union)


def test_copies_are_named_only_where_attribution_is_wanted():
    named, unnamed = (
        first_searches(plan_of(Rewrite("sneaker"), attribution=wanted))[0]
        for wanted in (True, False)
    )

    assert b"_qrm.1" in named
    assert b"_name" not in unnamed
    assert b"_name" not in unnamed_search(plan_of(Rewrite("sneaker")))


def test_the_page_in_the_url_is_left_there_unless_another_is_fetched():
    plan = plan_of(Rewrite("sneaker"), query_string="from=20&size=5")

    (body,) = bodies(plan)

    assert not plan.paged
    assert body.keys().isdisjoint({"from", "size"})


@pytest.mark.parametrize(
    ("asked", "fields", "reranks"),
    [
        ({"docvalue_fields": [{"field": "price", "format": "0.00"}]}, (), False),
        ({"docvalue_fields": ["price"]}, ("title",), True),
        ({"docvalue_fields": ["pri*"]}, ("price",), False),
        ({"script_fields": {"title": {"script": "1"}}}, ("title",), False),
        ({"stored_fields": ["_id", "_score"]}, (), True),
        ({"stored_fields": ["*"]}, ("title",), False),
        ({"fields": [{"field": "title", "format": "x"}]}, (), True),
    ],
)
def test_hits_that_cannot_hold_a_field_in_two_forms_keep_their_order(asked, fields, reranks):
    body = {**BODY, "_source": False, **asked}

    plan = plan_of(body=body, filters={"f": "demote"}, fields=fields)

    assert plan.reranks is reranks
    assert bool(plan.request.keeps_order) is not reranks


def test_the_whole_source_holds_every_field_in_a_form_for_plugins():
    plan = plan_of(body={**BODY, "docvalue_fields": ["price"]}, filters={"f": "demote"})

    assert plan.reranks
    assert plan.extra_fields == ()

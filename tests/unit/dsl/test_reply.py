import contextlib
import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from qrmiddleware.dsl.raw import NotJsonError
from qrmiddleware.dsl.reply import (
    PageHit,
    field_values,
    read_reply,
    render_reply,
    without_fields,
)

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(["_qrm.0", "_qrm.x", "a", ""]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["hits", "total", "value", "_id", "_score", "matched_queries", "failed"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=10,
)


def reply_with(*hits, **rest) -> bytes:
    return json.dumps({"took": 1, "hits": {"hits": list(hits)}, **rest}).encode()


def hit_of(**keys):
    (hit,) = read_reply(reply_with(keys)).hits
    return hit


@given(st.binary(max_size=60) | st.builds(lambda v: json.dumps({"hits": v}).encode(), VALUES))
@example(reply_with({"matched_queries": None}))
@example(reply_with({"matched_queries": [1, {}]}))
@example(reply_with({"matched_queries": ["_qrm.x", "_qrm.", "_qrm.1.5"]}))
@example(reply_with({"_score": "NaN", "_id": 7}))
@example(reply_with([1]))
@example(b'{"hits":{"hits":[{"_id":"\xff"}]}}')
@example(b'{"hits":{"hits":[{"_score":1e999}]}}')
@example(b'{"hits":{"hits":[{"_source":' + b"[" * 3_000 + b"]" * 3_000 + b"}]}}")
@example(b'{"hits":{"hits":[{"_source":' + b"[" * 600 + b"]" * 600 + b"}]}}")
@example(b'{"hits":{"total":[1]},"_shards":3}')
def test_any_reply_is_read_or_refused_with_one_error(data):
    with contextlib.suppress(NotJsonError):
        reply = read_reply(data)
        assert reply.total is None or isinstance(reply.total, int)
        assert reply.is_whole in {True, False}
        for hit in reply.hits:
            field_values(hit, (), whole_source=True)
            field_values(hit, ("a.b",), whole_source=True)
            field_values(hit, (), whole_source=False)
            without_fields(hit, ["*"], [])


@pytest.mark.parametrize(
    "data", [b"", b"[]", b'{"took":1}', b'{"hits":[]}', b'{"hits":{"hits":{}}}']
)
def test_what_is_no_reply_with_hits_is_refused(data):
    with pytest.raises(NotJsonError):
        read_reply(data)


@pytest.mark.parametrize(
    ("total", "count"),
    [
        ({"value": 7, "relation": "eq"}, 7),
        (7, 7),
        (-1, None),
        ({"value": 10_000, "relation": "gte"}, 10_000),
    ],
)
def test_the_total_is_read_in_both_forms(total, count):
    assert read_reply(json.dumps({"hits": {"total": total, "hits": []}}).encode()).total == count


def test_a_total_that_was_not_asked_for_is_none():
    assert read_reply(b'{"hits":{"hits":[]}}').total is None


@pytest.mark.parametrize(
    ("rest", "whole"),
    [
        ({}, True),
        ({"timed_out": False, "_shards": {"total": 2, "failed": 0}}, True),
        ({"timed_out": True}, False),
        ({"_shards": {"total": 2, "failed": 1}}, False),
    ],
)
def test_a_reply_is_whole_if_every_shard_answered_in_time(rest, whole):
    assert read_reply(reply_with(**rest)).is_whole is whole


def test_a_page_goes_back_among_the_rest_as_it_came():
    data = (
        b'{"took":12,"_shards":{"total":1},"hits":{"total":{"value":3,"relation":"eq"},'
        b'"max_score":1.50,"hits":[{"_index":"p","_id":"1","_score":1.50,"_source":{"a":1.0}},'
        b'{"_index":"p","_id":"2","_score":1.10,"highlight":{"t":["<em>x<\\/em>"]}}]},'
        b'"aggregations":{"sterms#b":{"buckets":[]}}}'
    )

    reply = read_reply(data)

    assert render_reply(reply, [PageHit(hit) for hit in reply.hits]) == data


def test_scores_and_provenance_are_shown_where_given():
    reply = read_reply(b'{"hits":{"max_score":2.0,"hits":[{"_id":"1","_score":2.0},{"_id":"2"}]}}')
    page = [PageHit(reply.hits[1], 1.5, {"reward": 1}), PageHit(reply.hits[0])]

    assert render_reply(reply, page, max_score=1.5) == (
        b'{"hits":{"max_score":1.5,"hits":['
        b'{"_id":"2","_score":1.5,"_qrm":{"reward":1}},{"_id":"1","_score":2.0}]}}'
    )


def test_a_max_score_is_not_added_where_there_was_none():
    reply = read_reply(b'{"hits":{"hits":[]}}')

    assert render_reply(reply, [], max_score=1.5) == b'{"hits":{"hits":[]}}'


def test_our_section_stands_beside_the_extensions_of_others():
    reply = read_reply(b'{"hits":{"hits":[]},"ext":{"ubi":{"query_id":"7"}}}')

    assert json.loads(render_reply(reply, [], extension={"filtered": 2}))["ext"] == {
        "ubi": {"query_id": "7"},
        "qrm": {"filtered": 2},
    }


def test_the_copies_names_say_which_wordings_found_a_hit_and_are_gone():
    hit = hit_of(_id="1", _index="p", _score=1.5, matched_queries=["_qrm.2", "mine", "_qrm.0"])

    assert hit.wordings == (0, 2)
    assert (hit.key, hit.score) == (("p", "1"), 1.5)
    assert json.loads(bytes(hit.tree["matched_queries"])) == ["mine"]


def test_names_with_scores_are_read_alike():
    hit = hit_of(matched_queries={"_qrm.1": 0.4, "mine": 1.1})

    assert hit.wordings == (1,)
    assert json.loads(bytes(hit.tree["matched_queries"])) == {"mine": 1.1}


def test_a_hit_that_only_our_names_matched_shows_none():
    assert "matched_queries" not in hit_of(matched_queries=["_qrm.0"]).tree


@pytest.mark.parametrize(
    ("names", "kept"),
    [
        (["_qrm.0"], {}),
        (["_qrm.0", "mine"], {"matched_queries": ["mine"]}),
        ({"_qrm.0": 0.5, "mine": 1.0}, {"matched_queries": {"mine": 1.0}}),
        (["mine"], {"matched_queries": ["mine"]}),
        ([], {"matched_queries": []}),
    ],
)
def test_our_names_are_gone_from_hits_inside_hits_and_aggregations(names, kept):
    def inner(found):
        return {"more": {"hits": {"total": 1, "hits": [{"_id": "2", "_score": 1.5, **found}]}}}

    ours = inner({"matched_queries": ["_qrm.1"]})
    reply = read_reply(
        reply_with(
            {"_id": "1", "inner_hits": {**inner({"matched_queries": names}), "other": ours}},
            aggregations={
                "brands": {
                    "buckets": [{"key": "a", **inner({"matched_queries": names}), "o": ours}]
                }
            },
        )
    )

    rendered = json.loads(render_reply(reply, [PageHit(hit) for hit in reply.hits]))

    assert rendered["hits"]["hits"] == [
        {"_id": "1", "inner_hits": {**inner(kept), "other": inner({})}}
    ]
    assert rendered["aggregations"] == {
        "brands": {"buckets": [{"key": "a", **inner(kept), "o": inner({})}]}
    }


def test_aggregations_without_our_names_leave_as_the_bytes_that_came():
    data = b'{"hits":{"hits":[]},"aggregations":{"a":{"value": 1.50,"x":"qrm"}}}'

    assert render_reply(read_reply(data), []) == data


@given(st.lists(st.sampled_from(["mine", "_qrm.x", "_qrm.", "qrm.1", "_qrm.-1", "_qrm.²"])))
def test_only_our_names_are_taken_out(names):
    came = hit_of(_id="1", matched_queries=names).tree

    assert json.loads(bytes(came["matched_queries"])) == names


def test_a_hit_without_a_score_scores_nothing():
    assert hit_of(_id="1", _score=None).score == 0.0


def test_plugins_see_the_source_by_dotted_path():
    hit = hit_of(
        _source={"title": "red", "brand": {"name": "acme"}, "tags": [{"n": 1}, {"n": 2}, {}]}
    )

    assert field_values(hit, ("title", "brand.name", "tags.n", "none"), whole_source=True) == {
        "title": "red",
        "brand.name": "acme",
        "tags.n": [1, 2],
    }
    assert field_values(hit, (), whole_source=True).keys() == {"title", "brand", "tags"}


def test_plugins_see_fetched_fields_without_the_list_around_one_value():
    hit = hit_of(fields={"title": ["red"], "tags": [1, 2], "price": [9]})

    assert field_values(hit, ("t*",), whole_source=False) == {"title": "red", "tags": [1, 2]}
    assert field_values(hit, (), whole_source=False) == {"title": "red", "tags": [1, 2], "price": 9}


@pytest.mark.parametrize(
    ("ours", "wanted", "kept"),
    [
        (["*"], [], None),
        (["title"], [], {"price": [9], "tags": [1]}),
        (["*"], ["price"], {"price": [9]}),
        (["*"], ["p*", "tags"], {"price": [9], "tags": [1]}),
        (["title"], ["title"], {"title": ["red"], "price": [9], "tags": [1]}),
    ],
)
def test_fields_that_only_plugins_wanted_are_taken_out(ours, wanted, kept):
    hit = hit_of(fields={"title": ["red"], "price": [9], "tags": [1]})

    tree = without_fields(hit, ours, wanted).tree

    assert (json.loads(bytes(tree["fields"])) if "fields" in tree else None) == kept

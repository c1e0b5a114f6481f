"""Bodies that real clients send: found to be ours or not, and left alone but for the query."""

import json

from qrmiddleware.dsl.merge import NAME_PREFIX, Wording, merged, single
from qrmiddleware.dsl.raw import write
from qrmiddleware.dsl.search import SearchRequest, Untouched, parse_search, read_body, render_search
from qrmiddleware.dsl.text import get_at
from qrmiddleware.dsl.uri import Parameters

FACETS = "aggs", "aggregations", "post_filter", "highlight", "suggest", "collapse", "rescore", "knn"


def parse(case) -> SearchRequest | Untouched:
    return parse_search(read_body(case.data).tree, Parameters.parse(case.parameters))


def test_the_text_is_found_where_it_stands_or_the_search_is_left_alone(corpus_case):
    request = parse(corpus_case)

    if corpus_case.untouched:
        assert request == Untouched(corpus_case.untouched)
    else:
        assert request.query.text == corpus_case.text
        slots = ["/".join(map(str, leaf.path)) for leaf in request.slots.leaves]
        assert tuple(slots) == corpus_case.slots
        assert request.keeps_order == corpus_case.keeps_order
        assert request.single_trip == corpus_case.single_trip


def test_a_body_left_alone_is_sent_as_it_came(corpus_case):
    assert read_body(corpus_case.data).sent == corpus_case.data


def test_a_body_read_and_written_is_equal(corpus_case):
    assert json.loads(write(read_body(corpus_case.data).tree)) == json.loads(corpus_case.data)


def test_rendering_the_same_query_is_the_identity(text_case):
    request = parse(text_case)

    rendered = json.loads(render_search(request, request.slots.query))

    assert rendered == {**json.loads(text_case.data), "query": request.slots.query}


def test_rendering_leaves_the_bytes_of_every_other_key(text_case):
    request = parse(text_case)
    query = merged(request.slots, [Wording(text_case.text), Wording("other", 0.5, 1)])

    rendered = read_body(render_search(request, query)).tree

    came = read_body(text_case.data).tree
    assert {k: bytes(v) for k, v in rendered.items() if k != "query"} == {
        k: bytes(v) for k, v in came.items() if k != "query"
    }


def test_searching_for_the_same_text_is_the_identity(text_case):
    request = parse(text_case)

    assert single(request.slots, Wording(text_case.text)) == request.slots.query


def test_another_text_takes_every_slot_and_nothing_else(text_case):
    request = parse(text_case)

    other = single(request.slots, Wording("otherwording"))

    for leaf in request.slots.leaves:
        assert get_at(other, leaf.path) == "otherwording"
    back = json.dumps(other)
    for leaf in request.slots.leaves:
        back = back.replace('"otherwording"', json.dumps(leaf.text), 1)
    assert json.loads(back) == request.slots.query


def test_facets_and_the_like_know_nothing_of_the_copies(text_case):
    request = parse(text_case)
    query = merged(request.slots, [Wording(text_case.text), Wording("other", 0.5, 1)])

    rendered = json.loads(render_search(request, query))

    for key in FACETS:
        assert NAME_PREFIX not in json.dumps(rendered.get(key))

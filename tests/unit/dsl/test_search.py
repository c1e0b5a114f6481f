import contextlib
import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from qrmiddleware.dsl.raw import NotJsonError
from qrmiddleware.dsl.search import (
    MAX_TEXT,
    Controls,
    SearchRequest,
    Untouched,
    client_field_patterns,
    own_form_patterns,
    parse_search,
    read_body,
    render_search,
    rendered_parameters,
)
from qrmiddleware.dsl.uri import Parameters

MATCH = {"match": {"title": "red shoe"}}
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(["red shoe", "", "_score", "asc", "\u0000"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["query", "match", "title", "bool", "must", "qrm", "ubi", "user_query"]
            ),
            inner,
            max_size=3,
        )
    ),
    max_leaves=8,
)
BODIES = st.dictionaries(
    st.sampled_from(
        ["query", "from", "size", "sort", "ext", "fields", "_source", "stored_fields", "aggs"]
    )
    | st.sampled_from(["track_total_hits", "docvalue_fields", "script_fields"]),
    VALUES,
    max_size=6,
)
QUERY_STRINGS = st.sampled_from(
    ["", "q=red+shoe", "size=x", "from=-1", "track_total_hits", "sort=price:asc", "scroll=1m"]
)


def parse(body, query_string="", **options) -> SearchRequest | Untouched:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return parse_search(read_body(data).tree, Parameters.parse(query_string), **options)


def texts(request: SearchRequest | Untouched) -> str:
    assert isinstance(request, SearchRequest), request
    return request.query.text


@given(st.binary(max_size=60) | BODIES.map(lambda body: json.dumps(body).encode()), QUERY_STRINGS)
@example(b'{"query":{"match":{"title":"\xff"}},"size":1}', "")
@example(b'{"size":1e999,"query":{"match":{"title":"red"}}}', "")
@example(b'{"from":1' + b"0" * 6_000 + b',"query":{"match":{"title":"red"}}}', "")
@example(b'{"ext":{"qrm":{"timeout_ms":1' + b"0" * 400 + b"}}}", "")
@example(b'{"ext":{"qrm":{"timeout_ms":1e308}}}', "")
@example(b'{"query":' + b'{"bool":{"must":' * 2_000 + b"{}" + b"}}" * 2_000 + b"}", "")
@example(b'{"query":{"match":{"title":"red"}},"sort":"\xff"}', "")
@example(b'{"query":{"match":{"title":"red"}},"query":{"match":{"title":"blue"}}}', "")
@example(b'{"query":{"match":{"title":NaN}}}', "")
@example(b'{"query":{"match":{"title":"red"}}}', "track_total_hits")
@example(b'{"query":{"match":{"title":"red"}},"fields":null}', "")
def test_any_body_is_parsed_or_refused_with_one_error(data, query_string):
    with contextlib.suppress(NotJsonError):
        request = parse(data, query_string)
        if isinstance(request, SearchRequest):
            json.loads(render_search(request, MATCH, offset=0, size=1, fields=["title"]))
            client_field_patterns(request)


@given(BODIES)
def test_a_body_without_our_section_is_sent_as_it_came(body):
    body.pop("ext", None)
    data = json.dumps(body, indent=1).encode()

    assert read_body(data).sent == data


def test_our_section_is_taken_out_and_the_rest_leaves_byte_for_byte():
    data = (
        b'{"size": 1.0e1,"ext":{"ubi":{"a":1.10},"qrm":{"debug":true,"query_text":"r"}},"query":{}}'
    )

    body = read_body(data)

    assert body.sent == b'{"size":1.0e1,"ext":{"ubi":{"a":1.10}},"query":{}}'
    assert body.controls == Controls(debug=True, query_text="r")


def test_a_section_of_ours_alone_takes_ext_with_it():
    assert read_body(b'{"ext":{"qrm":{"pipeline":"shop","timeout_ms":20}}}').sent == b"{}"


@pytest.mark.parametrize("timeout", [0, -1, True, "20", None, [], 1e12, 10**400])
def test_a_timeout_that_is_none_is_passed_over(timeout):
    body = json.dumps({"ext": {"qrm": {"timeout_ms": timeout}}}).encode()

    assert read_body(body).controls == Controls()


def test_an_empty_body_is_a_search_for_everything():
    assert read_body(b" \n").sent == b" \n"
    assert parse(b"") == Untouched("no clause in scoring position carries text")


def test_the_text_is_as_typed():
    request = parse({"query": {"match": {"title": "  Red SHOE "}}}, query_id="7", index="products")

    assert texts(request) == "  Red SHOE "
    assert (request.query.query_id, request.query.index) == ("7", "products")


def test_a_given_text_picks_the_leaves_that_carry_it():
    body = {"query": {"bool": {"must": [MATCH, {"match": {"brand": "acme"}}]}}}

    request = parse(body, given_text="RED shoe")

    assert texts(request) == "RED shoe"
    assert [leaf.text for leaf in request.slots.leaves] == ["red shoe"]
    assert parse(body, given_text="blue") == Untouched(
        "no clause in scoring position carries the given text"
    )


def test_a_configured_path_says_which_text_is_the_users():
    body = {
        "query": {"bool": {"must": [MATCH, {"match": {"brand": "acme"}}]}},
        "highlight": {"highlight_query": {"match": {"title": "red shoe"}}},
    }

    paths = ["suggest.text", "highlight.highlight_query.match.title"]

    assert texts(parse(body, text_paths=paths)) == "red shoe"
    assert texts(parse(body, text_paths=["query.bool.must.1.match.brand"])) == "acme"


def test_a_hint_that_no_leaf_carries_is_passed_over():
    body = {"query": MATCH, "ext": {"ubi": {"user_query": "something else"}}}

    assert texts(parse(body)) == "red shoe"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (" ", "the text is empty"),
        ("a" * (MAX_TEXT + 1), f"the text is longer than {MAX_TEXT} characters"),
    ],
)
def test_some_texts_are_not_worth_rewriting(text, reason):
    assert parse({"query": {"match": {"title": text}}}) == Untouched(reason)


@pytest.mark.parametrize(
    ("body", "query_string"),
    [
        ({"from": -1}, ""),
        ({"size": "ten"}, ""),
        ({"size": [1]}, ""),
        ({}, "from=x"),
        ({}, "size=-3"),
    ],
)
def test_pages_that_are_none_are_left_to_the_engine(body, query_string):
    request = parse({"query": MATCH, **body}, query_string)

    assert isinstance(request, Untouched)
    assert request.reason.startswith("not a search body")


def test_the_urls_page_wins_over_the_bodys():
    request = parse({"query": MATCH, "from": 10, "size": 5}, "from=20&size=7")

    assert (request.offset, request.size) == (20, 7)


def test_the_default_page_is_the_first_ten():
    assert (parse({"query": MATCH}).offset, parse({"query": MATCH}).size) == (0, 10)


def test_uri_search_becomes_a_query_string_with_its_options():
    request = parse(b"", "q=red%20shoe&df=title&default_operator=AND&lenient=true&size=3&routing=x")

    assert request.slots.query == {
        "query_string": {
            "query": "red shoe",
            "default_field": "title",
            "default_operator": "AND",
            "lenient": "true",
        }
    }
    assert str(rendered_parameters(request, paged=False)) == "size=3&routing=x"
    assert str(rendered_parameters(request, paged=True)) == "routing=x"


@pytest.mark.parametrize(
    ("query_string", "counted"),
    [("track_total_hits=true", True), ("track_total_hits=50", 50), ("track_total_hits", True)],
)
def test_counting_asked_for_in_the_url_moves_into_the_body(query_string, counted):
    request = parse({"query": MATCH}, query_string)

    rendered = json.loads(render_search(request, MATCH))

    assert rendered["track_total_hits"] == counted
    assert str(rendered_parameters(request, paged=False)) == ""


def test_nonsense_about_counting_is_left_to_the_engine():
    assert isinstance(parse({"query": MATCH}, "track_total_hits=some"), Untouched)


@pytest.mark.parametrize(
    ("body", "query_string", "reason"),
    [
        ({"size": 0}, "", "size is 0"),
        ({"sort": [{"price": "asc"}]}, "", "the search has its own sort"),
        ({"sort": ["_score", {"price": "asc"}]}, "", "the search has its own sort"),
        ({}, "sort=price", "the search has its own sort"),
        ({"search_after": [1]}, "", "the search uses search_after"),
        ({}, "scroll=1m", "the search uses scroll"),
        ({"stored_fields": "_none_"}, "", "hits have no _id"),
        ({"sort": "_score"}, "", ""),
        ({"sort": [{"_score": {"order": "desc"}}]}, "", ""),
        ({"sort": ["_score"]}, "", ""),
        ({}, "sort=_score:desc", ""),
        ({}, "", ""),
    ],
)
def test_the_engines_order_is_kept_where_it_means_something(body, query_string, reason):
    assert parse({"query": MATCH, **body}, query_string).keeps_order == reason


@pytest.mark.parametrize(
    ("body", "query_string", "whole"),
    [
        ({}, "", True),
        ({"_source": True}, "", True),
        ({"_source": False}, "", False),
        ({"_source": ["title"]}, "", False),
        ({"_source": {"excludes": ["description"]}}, "", False),
        ({"stored_fields": ["title"]}, "", False),
        ({}, "_source_includes=title", False),
        ({}, "_source=false", False),
    ],
)
def test_the_whole_source_is_there_unless_the_client_says_otherwise(body, query_string, whole):
    assert parse({"query": MATCH, **body}, query_string).whole_source is whole


def test_rendering_exchanges_what_is_named_and_leaves_the_rest():
    request = parse(
        b'{"size": 10, "aggs":{"a":  {}}, "query": {"match":{"title":"red"}}, "x":1.10}'
    )

    rendered = render_search(
        request, MATCH, offset=3, size=4, fields=["title"], extra={"y": 1}, without=["aggs"]
    )

    assert rendered == (
        b'{"size":4,"query":{"match":{"title":"red shoe"}},"x":1.10,"from":3,'
        b'"fields":["title"],"y":1}'
    )


def test_fields_are_added_before_the_clients_own_whose_format_counts():
    request = parse(
        {"query": MATCH, "fields": ["price", {"field": "date", "format": "epoch_millis"}]}
    )

    assert json.loads(render_search(request, MATCH, fields=["title"]))["fields"] == [
        "title",
        "price",
        {"field": "date", "format": "epoch_millis"},
    ]


@pytest.mark.parametrize(
    ("body", "query_string", "source"),
    [
        ({"stored_fields": ["code"]}, "", False),
        ({"stored_fields": []}, "", False),
        ({}, "stored_fields=code", False),
        ({"stored_fields": ["code", "_source"]}, "", None),
        ({"stored_fields": ["code"], "_source": ["title"]}, "", ["title"]),
        ({"stored_fields": ["code"]}, "_source_includes=title", None),
        ({"_source": False}, "", False),
        ({}, "", None),
    ],
)
def test_fields_bring_no_source_where_stored_fields_name_none(body, query_string, source):
    request = parse({"query": MATCH, **body}, query_string)

    assert json.loads(render_search(request, MATCH, fields=["*"])).get("_source") == source
    assert json.loads(render_search(request, MATCH)).get("_source") == body.get("_source")


@pytest.mark.parametrize("fields", [None, "title", {"field": "title"}])
def test_fields_that_are_no_list_are_left_for_the_engine_to_refuse(fields):
    request = parse({"query": MATCH, "fields": fields})

    assert json.loads(render_search(request, MATCH, fields=["price"]))["fields"] == fields


def test_what_the_client_wants_in_a_form_of_its_own_is_known():
    request = parse(
        {
            "query": MATCH,
            "fields": ["title"],
            "docvalue_fields": ["price", {"field": "d*", "format": "x"}],
            "script_fields": {"margin": {"script": "1"}},
            "stored_fields": ["_id", "_score"],
        }
    )

    assert own_form_patterns(request) == ("price", "d*", "margin")


def test_everything_the_client_wants_under_fields_is_known():
    request = parse(
        {
            "query": MATCH,
            "fields": ["title", {"field": "date"}],
            "docvalue_fields": ["price", {"field": "sku", "format": "x"}],
            "script_fields": {"margin": {"script": "1"}},
            "stored_fields": "brand",
        },
        "docvalue_fields=a,b",
    )

    assert sorted(client_field_patterns(request)) == sorted(
        ["title", "date", "price", "sku", "margin", "brand", "a", "b"]
    )


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b'"sort": [' + b"9" * 5_000 + b"]", "not a search body"),
        (b'"sort": [1e999]', "not a search body"),
        (b'"fields": [1e999]', "not a search body"),
        (b'"docvalue_fields": [{"field": "a", "format": 1e999}]', "not a search body"),
        (b'"stored_fields": 1e999', "not a search body"),
        (b'"script_fields": {"a": {"script": {"params": {"b": 1e999}}}}', "not a search body"),
        (b'"from": 99999999999999999999999', "not a search body: [from] is too large"),
        (b'"size": 2147483648', "not a search body: [size] is too large"),
    ],
)
def test_what_cannot_be_held_is_left_to_the_engine(text, reason):
    request = parse(b'{"query": {"match": {"title": "red shoe"}}, ' + text + b"}")

    assert isinstance(request, Untouched)
    assert request.reason.startswith(reason)


@pytest.mark.parametrize("depth", [201, 480])
def test_a_query_that_is_too_deep_to_be_copied_is_left_alone(depth):
    deep = b'{"bool":{"must":' * (depth // 2) + b"{}" + b"}}" * (depth // 2)
    body = b'{"query":{"bool":{"must":[{"match":{"title":"red shoe"}},' + deep + b"]}}}"

    assert parse(body) == Untouched(
        "not a search body: [query] is nested more than 200 levels deep"
    )


def test_a_text_in_very_many_clauses_is_left_alone():
    query = {"dis_max": {"queries": [MATCH] * 257}}

    assert parse({"query": query}) == Untouched("the text stands in more than 256 clauses")
    query["dis_max"]["queries"].pop()
    assert texts(parse({"query": query})) == "red shoe"

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qrmiddleware.dsl.text import (
    common_clause,
    get_at,
    plain_clause,
    spelled,
    text_leaves,
    with_part,
    with_text,
)


def leaf_paths(query):
    return ["/".join(map(str, leaf.path)) for leaf in text_leaves(query)]


@given(st.data())
def test_every_leaf_is_found_where_it_stands(text_queries, data):
    text, query = data.draw(text_queries)

    leaves = tuple(text_leaves(query))

    assert leaves
    assert all(get_at(query, leaf.path) == leaf.text == text for leaf in leaves)
    assert all(get_at(query, leaf.clauses[-1]).keys() == {leaf.kind} for leaf in leaves)


@given(st.data())
def test_putting_the_same_text_back_is_the_identity(text_queries, data):
    text, query = data.draw(text_queries)

    assert with_text(query, tuple(text_leaves(query)), (), text) == query


@given(st.data())
def test_putting_another_text_and_the_first_back_is_the_identity(text_queries, data):
    text, query = data.draw(text_queries)
    leaves = tuple(text_leaves(query))

    there = with_text(query, leaves, (), "quite another text")

    assert [leaf.text for leaf in text_leaves(there)] == ["quite another text"] * len(leaves)
    assert with_text(there, tuple(text_leaves(there)), (), text) == query


@given(st.data())
def test_the_common_clause_is_the_smallest_that_holds_every_leaf(text_queries, data):
    _, query = data.draw(text_queries)
    leaves = tuple(text_leaves(query))

    at = common_clause(leaves)

    assert len(tuple(text_leaves(get_at(query, at)))) == len(leaves)
    for leaf in leaves[:1]:
        inner = [path for path in leaf.clauses if len(path) > len(at)]
        assert all(len(tuple(text_leaves(get_at(query, path)))) < len(leaves) for path in inner)


@given(
    st.recursive(
        st.none() | st.text() | st.integers(),
        lambda v: (
            st.lists(v)
            | st.dictionaries(
                st.sampled_from(["bool", "must", "match", "query", "title", "nested"]), v
            )
        ),
        max_leaves=20,
    )
)
def test_any_json_can_be_looked_through(value):
    for leaf in text_leaves(value):
        assert get_at(value, leaf.path) == leaf.text


def test_a_query_nested_beyond_reason_is_looked_through_up_to_a_depth():
    query = {"match": {"title": "red shoe"}}
    for _ in range(500):
        query = {"bool": {"must": [query]}}

    assert leaf_paths(query) == []


@pytest.mark.parametrize(
    "query",
    [
        {"bool": {"filter": [{"match": {"title": "red shoe"}}]}},
        {"bool": {"must_not": {"match": {"title": "red shoe"}}}},
        {"boosting": {"positive": {"match_all": {}}, "negative": {"match": {"title": "red shoe"}}}},
        {"function_score": {"functions": [{"filter": {"match": {"title": "red shoe"}}}]}},
        {"term": {"title": "red shoe"}},
        {"match": {"title": {"query": 7}}},
        {"match": {"title": "red shoe", "brand": "two fields are an error"}},
        {"match": {"title": "red shoe"}, "term": {"brand": "two clauses are an error"}},
        {"multi_match": {"query": ["red", "shoe"], "fields": ["title"]}},
        {"match": "red shoe"},
        {"bool": []},
        [],
        None,
    ],
)
def test_nothing_is_found_outside_scoring_positions_or_in_what_is_no_clause(query):
    assert leaf_paths(query) == []


def test_exchanging_a_part_shares_what_did_not_change():
    query = {"bool": {"must": [{"match": {"title": "red"}}], "filter": [{"term": {"a": 1}}]}}

    changed = with_part(query, ("bool", "must", 0, "match", "title"), "blue")

    assert changed == {
        "bool": {"must": [{"match": {"title": "blue"}}], "filter": [{"term": {"a": 1}}]}
    }
    assert changed["bool"]["filter"] is query["bool"]["filter"]
    assert query["bool"]["must"] == [{"match": {"title": "red"}}]


@pytest.mark.parametrize(
    ("kind", "text", "operators"),
    [
        ("query_string", "red running shoes", False),
        ("query_string", "wi-fi cable", False),
        ("query_string", "red -shoes", True),
        ("query_string", "-shoes", True),
        ("query_string", "red AND shoes", True),
        ("query_string", "red android", False),
        ("query_string", "title:red", True),
        ("query_string", "shoe*", True),
        ("query_string", 'the "red shoe"', True),
        ("query_string", "a/b", True),
        ("query_string", "<10", True),
        ("simple_query_string", "wi-fi usb/c", False),
        ("simple_query_string", "red AND shoes", False),
        ("simple_query_string", "red | blue", True),
        ("simple_query_string", "red -blue", True),
        ("simple_query_string", "shoe~2", True),
        ("match", 'anything "goes" -here AND: there*', False),
    ],
)
def test_operators_are_told_from_words(kind, text, operators):
    body = {"title": text} if kind == "match" else {"query": text}
    (leaf,) = text_leaves({kind: body})

    assert leaf.has_operators is operators


@pytest.mark.parametrize(
    ("kind", "text", "written"),
    [
        ("match", 'AC/DC "live" -2', 'AC/DC "live" -2'),
        ("query_string", 'AC/DC "live" -2', r"AC\/DC \"live\" \-2"),
        ("query_string", "salt AND pepper", "salt and pepper"),
        ("query_string", "a < b > c", "a   b   c"),
        ("simple_query_string", "a|b+c", r"a\|b\+c"),
    ],
)
def test_a_plain_text_is_escaped_where_a_query_language_reads_it(kind, text, written):
    assert spelled(kind, text) == written


@given(st.text())
def test_an_escaped_text_has_no_operators_left(text):
    for kind in ("query_string", "simple_query_string"):
        unescaped = spelled(kind, text).replace("\\\\", "")
        bare = [c for at, c in enumerate(unescaped) if at == 0 or unescaped[at - 1] != "\\"]
        assert not set('+|"*()~<>{}[]^?:/!&=').intersection(bare)


@pytest.mark.parametrize(
    ("query", "anchor"),
    [
        ({"match": {"title": "red"}}, ()),
        ({"bool": {"must": [{"match": {"title": "red"}}]}}, ("bool", "must", 0)),
        ({"nested": {"path": "r", "query": {"match": {"r.t": "red"}}}}, ()),
        (
            {"bool": {"must": [{"constant_score": {"filter": {"match": {"t": "red"}}}}]}},
            ("bool", "must", 0),
        ),
    ],
)
def test_the_plain_clause_is_outside_nested_and_constant_score(query, anchor):
    (leaf,) = text_leaves(query)

    assert plain_clause(query, leaf.clauses[-1]) == anchor


@pytest.mark.parametrize("field", ["_name", "inner_hits"])
@pytest.mark.parametrize("value", ["red shoe", {"query": "red shoe"}])
def test_a_field_with_the_name_of_a_mark_is_left_alone(field, value):
    assert leaf_paths({"match": {field: value}}) == []

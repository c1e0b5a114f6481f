import pytest

from qrmiddleware.upstream.embedded.problems import ApiError
from qrmiddleware.upstream.embedded.queries.context import (
    read_boost,
    read_fields,
    read_number,
    read_text,
    take,
    take_field,
)


def test_options_are_checked_by_name():
    assert take({"query": 1, "boost": 2}, "match", "query") == {"query": 1, "boost": 2}
    with pytest.raises(ApiError, match=r"\[match\] query does not support \[nope\]"):
        take({"nope": 1}, "match", "query")
    with pytest.raises(ApiError, match="start_object"):
        take([], "match", "query")


def test_a_query_on_a_field_is_long_or_short():
    assert take_field({"t": "x"}, "match", "query") == ("t", {"query": "x"})
    assert take_field({"t": {"query": "x"}}, "match", "query") == ("t", {"query": "x"})
    for wrong in ({}, 5, {"a": 1, "b": 2}):
        with pytest.raises(ApiError):
            take_field(wrong, "match", "query")


def test_numbers_are_finite():
    assert read_number("1.5", "boost") == 1.5
    for wrong in ("x", None, [], "inf", 10**400):
        with pytest.raises(ApiError, match="boost"):
            read_number(wrong, "boost")
    with pytest.raises(ApiError, match="negative"):
        read_boost({"boost": -1})


def test_texts_are_scalars():
    assert read_text({"query": 5}, "query", "match") == 5
    for wrong in ({}, {"query": None}, {"query": []}, {"query": {}}):
        with pytest.raises(ApiError, match="query"):
            read_text(wrong, "query", "match")


def test_fields_are_named_with_boosts_and_patterns(make_view):
    types = {"title": "text", "titles": "text", "price": "double"}
    view = make_view({}, **{name: {"type": kind} for name, kind in types.items()})

    def named(*names, families=None):
        return {field.path: boost for field, boost in read_fields(names, view, families)}

    assert named("title^2", "nope") == {"title": 2.0}
    assert named("title*^3", "title^2") == {"title": 6.0, "titles": 3.0}
    assert named("*", families=frozenset(["text"])) == {"title": 1.0, "titles": 1.0}

import json

import msgspec
import pytest

from qrmiddleware.upstream.embedded.problems import ApiError
from qrmiddleware.upstream.embedded.sources import (
    filter_path,
    read_field_patterns,
    read_source_filter,
)

SOURCE = {"a": 1, "b": {"c": [1, 2], "d": {"e": None}}, "l": [{"x": 1, "y": 2}, {"y": 3}], "z": []}


@pytest.mark.parametrize(
    ("asked", "shown"),
    [
        (None, SOURCE),
        (True, SOURCE),
        ("a", {"a": 1}),
        (["a", "b.c"], {"a": 1, "b": {"c": [1, 2]}}),
        ("b", {"b": SOURCE["b"]}),
        (["*.d"], {"b": {"d": {"e": None}}}),
        ({"includes": ["l.x"]}, {"l": [{"x": 1}]}),
        ({"excludes": ["b", "l.y", "z"]}, {"a": 1, "l": [{"x": 1}]}),
        ({"includes": ["b.*", "z"], "excludes": ["*.d"]}, {"b": {"c": [1, 2]}, "z": []}),
        (["nope"], {}),
    ],
)
def test_a_source_is_filtered_by_patterns(asked, shown):
    kept = read_source_filter(asked).apply(json.dumps(SOURCE).encode())

    assert json.loads(msgspec.json.encode(kept)) == shown


def test_a_source_can_be_left_out():
    assert not read_source_filter(False).shown
    assert not read_source_filter("false").shown


@pytest.mark.parametrize("asked", [5, {"a": 1}])
def test_other_forms_are_refused(asked):
    with pytest.raises(ApiError):
        read_source_filter(asked)


def test_field_patterns_are_names_or_objects():
    assert read_field_patterns(["a", {"field": "b.*", "format": "x"}]) == ("a", "b.*")
    for wrong in (5, [5], "a"):
        with pytest.raises(ApiError):
            read_field_patterns(wrong)


ANSWER = {"took": 1, "hits": {"total": 2, "hits": [{"_id": "1", "_s": {"a": 1}}, {"_id": "2"}]}}


@pytest.mark.parametrize(
    ("patterns", "left"),
    [
        ("took", {"took": 1}),
        ("hits.hits._id", {"hits": {"hits": [{"_id": "1"}, {"_id": "2"}]}}),
        ("hits.hits._s", {"hits": {"hits": [{"_s": {"a": 1}}]}}),
        ("hits.*._id,took", {"took": 1, "hits": {"hits": [{"_id": "1"}, {"_id": "2"}]}}),
        ("**._id", {"hits": {"hits": [{"_id": "1"}, {"_id": "2"}]}}),
        ("-hits.hits", {"took": 1, "hits": {"total": 2}}),
        ("hits,-**._s", {"hits": {"total": 2, "hits": [{"_id": "1"}, {"_id": "2"}]}}),
        ("nope", {}),
    ],
)
def test_filter_path_keeps_and_drops(patterns, left):
    assert filter_path(ANSWER, patterns) == left

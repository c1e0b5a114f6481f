import json
from fnmatch import fnmatchcase
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qrmiddleware.dsl.filter_path import filter_reply

NAMES = st.sampled_from(["hits", "total", "_id", "ab", "a"])
REPLIES = st.dictionaries(
    NAMES,
    st.recursive(
        st.integers(0, 9),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
        max_leaves=10,
    ),
    max_size=4,
)
STEPS = NAMES | st.sampled_from(["*", "**", "a*", "*i*", "_*"])
PATTERNS = st.lists(STEPS, min_size=1, max_size=4).map(".".join)


def matches(path: tuple[str, ...], steps: list[str]) -> bool:
    """Whether a path of names is what a pattern names, by the letter of the definition."""
    if not steps:
        return not path
    if steps[0] == "**":
        return any(matches(path[skip:], steps[1:]) for skip in range(len(path) + 1))
    return bool(path) and fnmatchcase(path[0], steps[0]) and matches(path[1:], steps[1:])


def reference(value, patterns, path=()):
    """Keep every value whose own path, or the path of something around it, is named."""
    if path and any(matches(path, pattern) for pattern in patterns):
        return value
    if isinstance(value, list):
        kept = [reference(item, patterns, path) for item in value]
        return [item for item in kept if item is not None] or None
    if isinstance(value, dict):
        inner = {k: reference(v, patterns, (*path, k)) for k, v in value.items()}
        return {k: v for k, v in inner.items() if v is not None} or None
    return None


def without(value, patterns, path=()):
    """Leave out every value whose path is named."""
    if isinstance(value, list):
        return [without(item, patterns, path) for item in value]
    if isinstance(value, dict):
        return {
            k: without(v, patterns, (*path, k))
            for k, v in value.items()
            if not any(matches((*path, k), pattern) for pattern in patterns)
        }
    return value


@given(REPLIES, st.lists(PATTERNS, min_size=1, max_size=3))
def test_keeps_what_brute_force_keeps(reply, patterns):
    kept = json.loads(filter_reply(json.dumps(reply).encode(), ",".join(patterns)))

    assert kept == (reference(reply, [p.split(".") for p in patterns]) or {})


@given(REPLIES, st.lists(PATTERNS, min_size=1, max_size=3))
def test_leaves_out_what_brute_force_leaves_out(reply, patterns):
    path = ",".join(f"-{pattern}" for pattern in patterns)

    assert json.loads(filter_reply(json.dumps(reply).encode(), path)) == without(
        reply, [p.split(".") for p in patterns]
    )


@given(REPLIES)
def test_nothing_named_keeps_everything(reply):
    data = json.dumps(reply).encode()

    assert filter_reply(data, "") == data
    assert filter_reply(data, ",") == data


@pytest.mark.parametrize(
    ("path", "kept"),
    [
        ("took", b'{"took":1}'),
        ("hits.total.value", b'{"hits":{"total":{"value":2}}}'),
        ("hits.hits._id", b'{"hits":{"hits":[{"_id":"1"},{"_id":"2"}]}}'),
        ("hits.hits._source.p*", b'{"hits":{"hits":[{"_source":{"price":1.50}}]}}'),
        ("**._id", b'{"hits":{"hits":[{"_id":"1"},{"_id":"2"}]}}'),
        (
            "took,hits.hits,-hits.hits._source",
            b'{"took":1,"hits":{"hits":[{"_id":"1"},{"_id":"2"}]}}',
        ),
        ("nothing", b"{}"),
    ],
)
def test_cuts_a_search_reply_and_keeps_the_bytes_of_the_rest(path, kept):
    reply = (
        b'{"took":1,"hits":{"total":{"value":2},'
        b'"hits":[{"_id":"1","_source":{"price":1.50}},{"_id":"2"}]}}'
    )

    assert filter_reply(reply, path) == kept


@pytest.mark.parametrize("path", ["**." * 3_000 + "a", ",".join(["**.a.**.b.**.c"] * 30)])
def test_any_number_of_names_many_times_over_costs_no_more_than_the_length(path):
    reply: dict[str, object] = {"x": 1}
    for _ in range(30):
        reply = {"a": reply, "b": 1}
    began = process_time()

    filter_reply(json.dumps(reply).encode(), path)

    assert process_time() - began < 2

import contextlib
import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qrmiddleware.dsl.raw import (
    NotJsonError,
    pretty,
    raw,
    read_array,
    read_object,
    read_strictly,
    read_value,
    write,
)

AWKWARD = (
    b"",
    b"{",
    b"NaN",
    b'{"a": NaN}',
    b'{"a": 1e999}',
    b'{"a": "\xff"}',
    b'{"\xff": 1}',
    b'{"a": "\\ud800"}',
    b"\xef\xbb\xbf{}",
    b'{"a":' * 5_000 + b"1" + b"}" * 5_000,
    b"[" * 200_000,
    b'{"a": 1' + b"0" * 10_000 + b"}",
    b'{"a": 01}',
    b'{"a": 1} trailing',
)


@given(st.binary() | st.sampled_from(AWKWARD))
def test_any_bytes_are_read_or_refused_with_one_error(data):
    for read in (read_object, read_array, read_value):
        with contextlib.suppress(NotJsonError):
            read(data)


@pytest.mark.parametrize("data", AWKWARD, ids=lambda data: repr(data[:16]))
def test_what_is_no_json_is_refused_by_the_whole_reader(data):
    with pytest.raises(NotJsonError):
        read_value(data)


def test_values_leave_as_the_bytes_that_came():
    data = b'{"price":1.10,"big":12345678901234567890123,"text":"\\u00e9\\/","list":[ 1 , 2 ]}'

    assert write(read_object(data)) == data


def test_keys_keep_their_order_and_the_last_of_two_wins():
    assert write(read_object(b'{"b":1,"a":2,"b":3}')) == b'{"b":3,"a":2}'


def test_raw_is_a_part_of_another_value():
    assert write({"query": raw({"match_all": {}}), "from": msgspec.Raw(b"10")}) == (
        b'{"query":{"match_all":{}},"from":10}'
    )


def test_pretty_indents_by_two_and_ends_the_line():
    assert pretty(b'{"a":[1]}') == b'{\n  "a": [\n    1\n  ]\n}\n'


TWICE = (
    b'{"a": 1, "b": 2, "a": 3}',
    b'{"a": {"b": 1, "c": 2, "b": 1}}',
    b'[{"a": [{"b": 1, "b": 1}]}]',
    b'{"a": {}, "\\u0061": {}}',
    b'{"a:": 1, "a\\u003a": 1}',
    b'{"b": "\\u003a", "a": 1, "a": 1}',
)
ONCE = (
    b'{"a": 1, "b": {"a": 2}, "c": [{"a": 3}, {"a": 4}]}',
    b'{"a": "x: \\": y", "b:": ":"}',
    b'{"a\\u003a": "\\u003A", "b": 1}',
    b'{"a": 1.10, "b": "\\u00e9\\/", "A": 1e3}',
    b"{}",
)


@pytest.mark.parametrize("data", TWICE)
def test_a_key_that_is_said_twice_is_refused_by_the_strict_reader(data):
    with pytest.raises(NotJsonError, match="twice"):
        read_strictly(read_value, data)


@pytest.mark.parametrize("data", ONCE)
def test_what_says_every_key_once_is_read(data):
    assert read_strictly(read_value, data) == read_value(data)


def test_what_is_read_one_level_deep_is_looked_at_one_level_deep():
    assert read_strictly(read_object, TWICE[1]) == read_object(TWICE[1])
    with pytest.raises(NotJsonError, match="twice"):
        read_strictly(read_object, TWICE[0])


@pytest.mark.parametrize("data", AWKWARD, ids=lambda data: repr(data[:16]))
@pytest.mark.parametrize("read", [read_object, read_value])
def test_what_is_no_json_is_refused_by_the_strict_reader_with_one_error(data, read):
    with contextlib.suppress(NotJsonError):
        read_strictly(read, b'{"\\u003a": 1, "a": ' + data + b"}")


KEYS = st.sampled_from(["a", "b", "a:", ":", '"', "\u00e9"])
TREES = st.recursive(
    st.none() | st.text(':"ab', max_size=3) | st.integers(),
    lambda inner: st.lists(inner, max_size=3) | st.lists(st.tuples(KEYS, inner), max_size=4),
    max_leaves=12,
)


def spelt(tree, escape) -> tuple[bytes, bool]:
    """Write a tree whose objects are lists of pairs, and tell whether one repeats a key."""
    if not isinstance(tree, list):
        return escape(json.dumps(tree)), False
    if tree and all(isinstance(item, tuple) for item in tree):
        parts = [(escape(json.dumps(key)), *spelt(value, escape)) for key, value in tree]
        repeats = len({key for key, _ in tree}) < len(tree)
        text = b",".join(key + b" : " + value for key, value, _ in parts)
        return b"{" + text + b"}", repeats or any(part[2] for part in parts)
    parts = [spelt(item, escape) for item in tree]
    return b"[" + b", ".join(text for text, _ in parts) + b"]", any(twice for _, twice in parts)


@given(TREES, st.sampled_from(["as it is", "colons escaped"]))
def test_keys_that_are_said_twice_are_found_wherever_they_are(tree, how):
    def escape(text: str) -> bytes:
        return text.replace(":", "\\u003a" if how == "colons escaped" else ":").encode()

    data, repeats = spelt(tree, escape)

    if repeats:
        with pytest.raises(NotJsonError, match="twice"):
            read_strictly(read_value, data)
    else:
        assert read_strictly(read_value, data) == read_value(data)

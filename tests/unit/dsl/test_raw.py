import contextlib

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

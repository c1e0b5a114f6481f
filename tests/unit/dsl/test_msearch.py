import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from qrmiddleware.dsl.msearch import (
    MsearchItem,
    read_msearch,
    read_replies,
    render_msearch,
    render_replies,
)
from qrmiddleware.dsl.raw import NotJsonError

LINES = st.binary(max_size=20).map(lambda line: line.replace(b"\n", b"")) | st.sampled_from(
    [b"{}", b"", b'{"index":"products"}', b'{"query":{"match_all":{}}} \r']
)
BODIES = LINES.filter(bytes.strip)


@given(st.lists(st.builds(MsearchItem, LINES, BODIES), min_size=1, max_size=4))
def test_what_is_rendered_is_read_again(items):
    assert read_msearch(render_msearch(items)) == tuple(items)


@given(st.lists(st.tuples(LINES, BODIES), min_size=1, max_size=4))
def test_what_is_read_is_rendered_to_the_byte(pairs):
    data = b"".join(line + b"\n" for pair in pairs for line in pair)

    assert render_msearch(read_msearch(data)) == data


@given(st.binary())
def test_any_bytes_are_pairs_or_refused(data):
    with contextlib.suppress(NotJsonError):
        for item in read_msearch(data):
            with contextlib.suppress(NotJsonError):
                assert item.index is None or isinstance(item.index, str)


@pytest.mark.parametrize("data", [b"", b"\n", b"{}", b"{}\n", b"{}\n{}\n{}\n"])
def test_a_missing_line_is_refused(data):
    with pytest.raises(NotJsonError, match="no pairs of header and body"):
        read_msearch(data)


@pytest.mark.parametrize(
    ("header", "index"),
    [
        (b"", None),
        (b"{}", None),
        (b'{"index":null}', None),
        (b'{"index":"products*","preference":"_local"}', "products*"),
        (b'{"index":["a","b-*"]}', "a,b-*"),
    ],
)
def test_the_header_says_the_index(header, index):
    assert MsearchItem(header, b"{}").index == index


@pytest.mark.parametrize("header", [b"[", b"[]", b'{"index":7}', b'{"index":[1]}', b'{"index":{}}'])
def test_a_header_that_is_none_is_refused(header):
    with pytest.raises(NotJsonError):
        _ = MsearchItem(header, b"{}").index


def test_replies_go_back_among_the_other_keys():
    data = b'{"took":3,"responses":[{"a": 1},{"error":{},"status":404}],"_x":0}'

    tree, replies = read_replies(data)

    assert [bytes(reply) for reply in replies] == [b'{"a": 1}', b'{"error":{},"status":404}']
    assert render_replies(tree, replies) == data
    assert render_replies(tree, [b"{}", Raw(b"[]")]) == b'{"took":3,"responses":[{},[]],"_x":0}'


@pytest.mark.parametrize("data", [b"", b"[]", b'{"error":{}}', b'{"responses":{}}'])
def test_a_reply_without_responses_is_refused(data):
    with pytest.raises(NotJsonError):
        read_replies(data)

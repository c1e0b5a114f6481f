import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from qrmiddleware.dsl.bounds import MAX_DEPTH, depth, read_clause
from qrmiddleware.dsl.raw import NotJsonError

TREES = st.recursive(
    st.none() | st.text(max_size=2),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=1), inner),
)


def deepest(tree) -> int:
    parts = tree.values() if isinstance(tree, dict) else tree
    return 1 + max(map(deepest, parts), default=0) if isinstance(tree, dict | list) else 0


@given(TREES)
def test_depth_is_that_of_the_deepest_part(tree):
    assert depth(tree) == deepest(tree)


@given(TREES)
def test_what_is_shallow_is_read_as_it_is(tree):
    assert read_clause(Raw(json.dumps(tree).encode())) == json.loads(json.dumps(tree))


def test_depth_counts_and_width_does_not():
    assert len(read_clause(Raw(b"[" + b"[]," * 5_000 + b"[]]"))) == 5_001
    assert read_clause(Raw(b"[" * MAX_DEPTH + b"]" * MAX_DEPTH))
    with pytest.raises(NotJsonError, match=r"\[query\] is nested more than 200 levels deep"):
        read_clause(Raw(b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1)))

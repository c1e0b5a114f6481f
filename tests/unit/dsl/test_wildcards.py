from fnmatch import fnmatchcase
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qrmiddleware.dsl.wildcards import matches, matches_any, overlap


@pytest.mark.parametrize(
    ("name", "pattern", "expected"),
    [
        ("title", "title", True),
        ("title", "t*e", True),
        ("title", "*", True),
        ("", "*", True),
        ("title.raw", "title", False),
        ("sizes[0]", "sizes[0]", True),
        ("sizes0", "sizes[0]", False),
        ("title", "titl?", False),
        ("a\nb", "a*b", True),
    ],
)
def test_only_the_asterisk_is_special(name, pattern, expected):
    assert matches(name, pattern) is expected


@given(st.text("ab*", max_size=8), st.text("ab", max_size=8))
def test_agrees_with_shell_patterns_where_both_mean_the_same(pattern, name):
    assert matches(name, pattern) == fnmatchcase(name, pattern)


def test_one_pattern_is_enough():
    assert matches_any("title", ["price", "t*"])
    assert not matches_any("title", [])


def test_many_asterisks_cost_no_more_than_the_lengths():
    began = process_time()

    assert not matches("a" * 2_000, "*a" * 500 + "*b")
    assert matches("a" * 2_000, "*a" * 500 + "*")

    assert process_time() - began < 1


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("title", "title", True),
        ("title", "t*", True),
        ("title", "price", False),
        ("title*", "ti*", True),
        ("a*b", "c*", False),
        ("*", "anything", True),
        ("*.raw", "title.*", True),
    ],
)
def test_patterns_overlap_where_one_name_fits_both(one, other, expected):
    assert overlap(one, other) is overlap(other, one) is expected


@given(st.text("ab*", max_size=5), st.text("ab*", max_size=5), st.text("ab", max_size=5))
def test_no_common_name_is_overlooked(one, other, name):
    if matches(name, one) and matches(name, other):
        assert overlap(one, other)

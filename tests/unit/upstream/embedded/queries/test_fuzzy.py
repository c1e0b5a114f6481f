import pytest
from hypothesis import given
from hypothesis import strategies as st

from qrmiddleware.upstream.embedded.problems import ApiError
from qrmiddleware.upstream.embedded.queries.fuzzy import edit_distance, max_edits, similar_terms

WORDS = st.text("abc", min_size=1, max_size=8)


@pytest.mark.parametrize(
    ("fuzziness", "term", "edits"),
    [
        ("AUTO", "ab", 0),
        ("AUTO", "abc", 1),
        ("auto", "abcdef", 2),
        ("AUTO:4,7", "abc", 0),
        ("AUTO:4,7", "abcdefg", 2),
        (1, "abcdef", 1),
        ("2", "a", 2),
        (7, "abcdef", 2),
        (0, "abcdef", 0),
    ],
)
def test_fuzziness_depends_on_length(fuzziness, term, edits):
    assert max_edits(fuzziness, term) == edits


def test_fuzziness_is_a_number_or_auto():
    with pytest.raises(ApiError, match="fuzziness"):
        max_edits("much", "abc")


@pytest.mark.parametrize(
    ("one", "other", "distance"),
    [("kitten", "kitten", 0), ("laptop", "laptpo", 1), ("laptop", "laptops", 1),
     ("cat", "dog", 3), ("abc", "", 3)],
)  # fmt: skip
def test_edits_are_counted(one, other, distance):
    assert edit_distance(one, other, 5) == edit_distance(other, one, 5) == distance


def test_swaps_are_one_edit_or_two():
    assert edit_distance("ab", "ba", 2) == 1
    assert edit_distance("ab", "ba", 2, swaps=False) == 2


@given(term=WORDS, vocabulary=st.lists(WORDS, max_size=30, unique=True), edits=st.integers(0, 2))
def test_no_term_that_is_near_enough_is_missed(term, vocabulary, edits):
    found = similar_terms(term, vocabulary, edits=edits)

    near = {
        candidate
        for candidate in vocabulary
        if (distance := edit_distance(term, candidate, edits)) <= edits
        and (distance < min(len(term), len(candidate)) or candidate == term)
    }
    assert found.keys() == near


def test_the_nearest_come_first_with_their_weights():
    found = similar_terms("case", ["cake", "case", "cases", "lace", "case3x"], edits=1)

    assert list(found.items()) == [("case", 1.0), ("cake", 0.75), ("cases", 0.75)]
    assert list(similar_terms("case", ["cake", "case"], edits=1, limit=1)) == ["case"]
    assert list(similar_terms("case", ["lase", "cake"], edits=1, prefix_length=1)) == ["cake"]

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qrmiddleware_rm3.feedback import (
    Document,
    interpolated,
    is_candidate,
    most_likely,
    relevance_model,
    words_of,
)

HITS = (
    Document(("red", "running", "shoe"), 3.0),
    Document(("running", "sock", "sock"), 1.0),
)


def test_the_relevance_model_is_what_one_computes_by_hand():
    """P(w|R) = 3/4 · count/3 in the first + 1/4 · count/3 in the second."""
    assert relevance_model(HITS) == pytest.approx(
        {"red": 1 / 4, "running": 1 / 4 + 1 / 12, "shoe": 1 / 4, "sock": 1 / 6}
    )


def test_rm3_is_what_one_computes_by_hand():
    """The three likeliest make 5/6; half of the whole is the query's."""
    model = relevance_model(HITS)
    feedback = most_likely(model, model, 3)

    mixed = interpolated(("red",), feedback, original_query_weight=0.5)

    assert feedback == pytest.approx({"running": 0.4, "red": 0.3, "shoe": 0.3})
    assert mixed == pytest.approx({"red": 0.5 + 0.15, "running": 0.2, "shoe": 0.15})
    assert list(mixed) == ["red", "running", "shoe"]


def test_without_scores_all_documents_count_alike():
    equal = [Document(("a", "b"), 0.0), Document(("b",), 0.0), Document((), 0.0)]

    assert relevance_model(equal) == pytest.approx({"a": 0.25, "b": 0.75})


def test_of_no_hits_there_is_no_model():
    assert relevance_model([]) == {}
    assert most_likely({}, (), 3) == {}


@given(
    st.lists(
        st.builds(
            Document,
            st.lists(st.sampled_from("abcde"), max_size=6).map(tuple),
            st.floats(0, 1e6),
        ),
        max_size=6,
    ),
    st.floats(0, 1),
)
def test_probabilities_sum_to_one(documents, weight):
    model = relevance_model(documents)
    if not model:
        return

    mixed = interpolated(("x", "a"), most_likely(model, model, 3), original_query_weight=weight)

    assert sum(model.values()) == pytest.approx(1)
    assert sum(mixed.values()) == pytest.approx(1)


def test_words_are_case_folded_and_numbers_do_not_widen():
    assert words_of("Red T-Shirt, 500g Straße") == ("red", "t", "shirt", "500g", "strasse")
    assert [w for w in ("t", "500g", "tn", "shoe", "靴子", "x" * 25) if is_candidate(w)] == [
        "tn",
        "shoe",
        "靴子",
    ]

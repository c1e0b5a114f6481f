from hypothesis import given
from hypothesis import strategies as st

from qrmiddleware.distill.lists import Candidate, QueryList
from qrmiddleware.distill.preferences import Preference, preferences_of, sample_preferences


def a_list(*targets, query="q"):
    return QueryList(query, tuple(Candidate(f"d{n}", t) for n, t in enumerate(targets)))


def test_the_better_product_comes_first_and_ties_are_no_pair():
    assert list(preferences_of(a_list(1.0, 3.0, 1.0))) == [
        Preference("q", "d1", "d0", 2.0),
        Preference("q", "d1", "d2", 2.0),
    ]


def test_small_margins_are_left_out():
    assert [pair.margin for pair in preferences_of(a_list(0.0, 1.0, 3.0), smallest_margin=1.0)] == [
        3.0,
        2.0,
    ]


@given(st.lists(st.floats(-5, 5), max_size=9), st.integers(0, 12), st.integers())
def test_a_sample_holds_different_pairs_of_the_list(targets, per_query, seed):
    item = a_list(*targets)
    every = list(preferences_of(item))

    got = list(sample_preferences([item], per_query=per_query, seed=seed))

    assert len(got) == len(set(got)) == min(per_query, len(every))
    assert set(got) <= set(every)


def test_another_list_changes_no_lists_pairs():
    one, other = a_list(*range(8)), a_list(*range(8), query="other")

    alone = list(sample_preferences([one], per_query=3, seed=1))

    assert list(sample_preferences([other, one], per_query=3, seed=1))[3:] == alone

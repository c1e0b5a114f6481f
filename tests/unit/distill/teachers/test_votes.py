from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qrmiddleware.distill.chains import ASPECTS, Chain, Step, Verdict
from qrmiddleware.distill.classes import ESCI
from qrmiddleware.distill.teachers.votes import elect, nearest

CHAINS = st.builds(
    Chain,
    st.tuples(*(st.builds(Step, st.just(each), st.sampled_from(Verdict)) for each in ASPECTS)),
    st.sampled_from(ESCI.codes),
)


def chain(conclusion, verdicts="mmmm", note=""):
    told = {"m": Verdict.MATCH, "x": Verdict.MISMATCH, "u": Verdict.UNSPECIFIED}
    steps = zip(ASPECTS, verdicts, strict=True)
    return Chain(tuple(Step(aspect, told[each], note) for aspect, each in steps), conclusion)


def test_the_class_with_most_votes_wins_and_shares_are_of_the_votes():
    elected = elect([chain("S"), chain("I"), chain("S"), chain("C")], ESCI)

    assert elected.chain.conclusion == "S"
    assert elected.shares == {"E": 0.0, "S": 0.5, "C": 0.25, "I": 0.25}
    assert elected.agreement == 0.5


def test_of_two_classes_with_as_many_votes_the_better_wins_in_any_order():
    ballots = [chain("I"), chain("S"), chain("S"), chain("I"), chain("C")]

    assert {elect(each, ESCI).chain.conclusion for each in permutations(ballots)} == {"S"}


def test_the_winner_nearest_to_the_majority_of_all_speaks():
    odd, usual = chain("S", "xmux"), chain("S", "xmmm")
    others = [chain("E", "mmmm"), chain("E", "mmmm")]

    assert elect([odd, usual, chain("S", "xuux"), *others], ESCI).chain == usual


def test_a_tie_of_verdicts_counts_for_both_and_the_first_of_several_speaks():
    first, second = chain("S", "mmmm", "first"), chain("S", "xmmm", "second")

    assert nearest([first, second], [first, second]).steps[0].note == "first"
    assert nearest([second, first], [first, second]).steps[0].note == "second"


def test_nobody_elects_nothing():
    with pytest.raises(ValueError, match="no chain"):
        elect([], ESCI)


@given(chains=st.lists(CHAINS, min_size=1, max_size=9))
def test_shares_sum_to_1_and_the_winner_is_one_of_the_chains(chains):
    elected = elect(chains, ESCI)

    assert sum(elected.shares.values()) == pytest.approx(1.0)
    assert elected.agreement == max(elected.shares.values())
    assert elected.chain in chains


@given(chains=st.lists(CHAINS, min_size=1, max_size=9), data=st.data())
def test_the_order_of_ballots_changes_neither_winner_nor_shares(chains, data):
    mixed = data.draw(st.permutations(chains))

    one, other = elect(chains, ESCI), elect(mixed, ESCI)

    assert (one.chain.conclusion, one.shares) == (other.chain.conclusion, other.shares)

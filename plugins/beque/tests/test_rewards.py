import pytest
from hypothesis import given
from hypothesis import strategies as st

from qrmiddleware.distill.rewriting.rows import Feedback, Valued
from qrmiddleware.errors import ConfigError
from qrmiddleware_beque.recipes.rewards import Aim, Weights, order


def valued(text, incr=0.0, rele=0.0, hits=None, **told):
    return Valued(text=text, increment=incr, relevance=rele, hit_rate=hits, **told)


def feedback(*candidates, query="q", **told):
    return Feedback(query=query, candidates=candidates, **told)


ROWS = [
    feedback(valued("a", 0.0, 0.9), valued("b", 2.0, 0.5), valued("c", 4.0, 0.1), query="one"),
    feedback(valued("d", 8.0, 0.0), valued("e", 1.0, 1.0), query="two"),
]


def texts(found):
    return [[each.text for each in one.candidates] for one in found.lists]


def test_each_objective_orders_by_its_measure_scaled_over_the_whole_set():
    by_incr, by_rele = order(ROWS, Aim("incr")), order(ROWS, Aim("rele"))

    assert texts(by_incr) == [["c", "b", "a"], ["d", "e"]]
    assert by_incr.lists[0].rewards == (0.5, 0.25, 0.0)
    assert by_incr.lists[1].rewards == (1.0, 0.125)
    assert texts(by_rele) == [["a", "b", "c"], ["e", "d"]]


def test_weights_decide_between_measures():
    assert texts(order(ROWS, Aim("weighted", Weights(1, 0, 0)))) == texts(order(ROWS, Aim("rele")))
    both = order(ROWS, Aim("weighted", Weights(1, 3, 0)))

    assert both.lists[1].rewards == ((1.0 * 3 + 0) / 4, (0.125 * 3 + 1) / 4)


def test_ranks_are_shares_of_what_is_worth_less_and_no_scale_leaves_values():
    assert order(ROWS, Aim(scale="rank")).lists[1].rewards == (0.8, 0.2)
    assert order(ROWS, Aim(scale="none")).lists[1].rewards == (8.0, 1.0)


def test_ties_go_by_relevance_then_by_likelihood_and_keep_their_reward():
    row = feedback(
        valued("d", 1.0, 0.2, log_probability=-3.0),
        valued("c", 1.0, 0.2, log_probability=-1.0),
        valued("b", 1.0, 0.2),
        valued("a", 1.0, 0.9),
        valued("z", 0.0, 1.0),
    )

    (found,) = order([row], Aim()).lists

    assert [each.text for each in found.candidates] == ["a", "c", "d", "b", "z"]
    assert found.rewards == (1.0, 1.0, 1.0, 1.0, 0.0)


def test_all_that_is_left_out_is_counted():
    rows = [
        *ROWS,
        feedback(valued("x", 1.0), problem="engine is gone"),
        feedback(valued("x", 1.0), valued("y", 2.0, refused="a brand changed")),
        feedback(valued("x", 1.0), valued("y", 1.0)),
    ]

    found = order(rows, Aim())

    assert len(found.lists) == 2
    assert (found.problems, found.refused, found.few, found.alike) == (1, 1, 1, 1)


def test_values_beyond_the_quantile_are_outliers_and_do_not_squeeze_the_others():
    rows = [*ROWS, feedback(valued("f", 900.0), valued("g", 1.0), valued("h", 0.0), query="three")]

    found = order(rows, Aim(within=0.85))

    assert found.outliers == 1
    assert found.lists[1].rewards == (1.0, 0.125)
    assert texts(found)[2] == ["g", "h"]


def test_queries_without_a_known_hit_rate_are_left_out_where_it_alone_counts():
    rows = [
        feedback(valued("a", 1.0, 0.1, 0.5), valued("b", 0.0, 0.3, 1.0), query="known"),
        feedback(valued("a", 1.0, 0.1), valued("b", 0.0, 0.3), query="unknown"),
    ]

    alone, among = order(rows, Aim("hitrate")), order(rows, Aim("weighted", Weights(0, 1, 1)))

    assert texts(alone) == [["b", "a"]]
    assert (alone.unknown, alone.few) == (2, 1)
    assert among.lists[0].query == "unknown"  # known: one measure each says the other is better
    assert (among.alike, among.unknown) == (1, 0)


@pytest.mark.parametrize("weights", [Weights(0, 0, 0), Weights(1, -1, 0)])
def test_weights_that_say_nothing_are_refused(weights):
    with pytest.raises(ConfigError, match="at least one above 0, none below"):
        Aim("weighted", weights)


VALUED = st.builds(
    valued,
    st.sampled_from("abcdefg"),
    st.sampled_from((0.0, 0.5, 1.0, 7.0)),
    st.sampled_from((0.0, 0.5, 1.0)),
    st.sampled_from((None, 0.0, 1.0)),
    refused=st.sampled_from(("", "")),
)
SETS = st.lists(
    st.lists(VALUED, max_size=5).map(lambda told: feedback(*told)), min_size=1, max_size=6
)


@given(
    SETS,
    st.sampled_from(("rele", "incr", "hitrate", "weighted")),
    st.sampled_from(("range", "rank")),
)
def test_lists_fall_lie_in_0_to_1_and_queries_add_up(rows, objective, scale):
    found = order(rows, Aim(objective, scale=scale))

    for each in found.lists:
        assert list(each.rewards) == sorted(each.rewards, reverse=True)
        assert 0 <= each.rewards[-1] < each.rewards[0] <= 1
        assert len({one.text for one in each.candidates}) == len(each.candidates) >= 2
    assert len(found.lists) + found.few + found.alike + found.problems == len(rows)

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qrmiddleware.students.batches import Row, check_rows, cut

LENGTHS = st.lists(st.integers(1, 200), min_size=1, max_size=60)
BUDGETS, PARTS = st.integers(1, 2_000), st.integers(1, 9)


@given(LENGTHS, BUDGETS, PARTS)
def test_every_row_is_in_exactly_one_batch(lengths, budget, parts):
    batches = cut(lengths, budget=budget, parts=parts)

    assert sorted(row for batch in batches for row in batch) == list(range(len(lengths)))
    assert all(batches)


@given(LENGTHS, BUDGETS, PARTS)
def test_no_batch_is_larger_than_the_budget_unless_it_is_one_row(lengths, budget, parts):
    batches = cut(lengths, budget=budget, parts=parts)

    for batch in batches:
        assert len(batch) == 1 or len(batch) * max(lengths[row] for row in batch) <= budget


@given(LENGTHS, BUDGETS, PARTS)
def test_rows_come_longest_first_and_equal_ones_in_their_order(lengths, budget, parts):
    order = [row for batch in cut(lengths, budget=budget, parts=parts) for row in batch]

    assert order == sorted(order, key=lambda row: (-lengths[row], row))


@given(LENGTHS, PARTS)
def test_without_a_bound_there_are_no_more_batches_than_wanted_and_none_is_far_too_large(
    lengths, parts
):
    batches = cut(lengths, budget=10**9, parts=parts)

    assert len(batches) <= parts
    share = sum(lengths) / parts
    assert all(sum(lengths[row] for row in batch) < share + max(lengths) for batch in batches)


def test_a_hundred_like_rows_are_cut_into_equal_batches():
    batches = cut([20] * 100, budget=1024, parts=4)

    assert [len(batch) for batch in batches] == [25, 25, 25, 25]


def test_a_share_that_exceeds_the_budget_is_cut_evenly_and_leaves_no_remnant():
    batches = cut([20] * 100, budget=256, parts=4)

    assert [len(batch) for batch in batches] == [8, 8, 9] * 4


def test_rows_that_differ_too_much_to_be_cut_evenly_fill_the_budget_instead():
    batches = cut([90, 90, 10, 10, 10, 10, 10], budget=100, parts=1)

    assert [len(batch) for batch in batches] == [1, 1, 5]


def test_one_row_is_one_batch_however_many_are_wanted():
    assert cut([300], budget=64, parts=8) == [[0]]


def test_rows_that_the_model_can_read_pass():
    check_rows([Row((0, 9), (0, 1))], vocabulary=10)


def test_rows_that_would_crash_the_model_are_refused_with_their_number():
    good = Row((1, 2), (0, 0))

    with pytest.raises(ValueError, match="row 1 has no tokens"):
        check_rows([good, Row((), ())], vocabulary=10)
    with pytest.raises(ValueError, match="row 0 has 2 ids and 1 types"):
        check_rows([Row((1, 2), (0,))], vocabulary=10)
    with pytest.raises(ValueError, match="row 1 has token 10; the model knows 0 to 9"):
        check_rows([good, Row((1, 10), (0, 0))], vocabulary=10)
    with pytest.raises(ValueError, match="row 0 has token -1"):
        check_rows([Row((-1, 3), (0, 0))], vocabulary=10)
    with pytest.raises(ValueError, match=r"row 0 has token types \[0, 2\]; known are 0 and 1"):
        check_rows([Row((1, 3), (0, 2))], vocabulary=10)

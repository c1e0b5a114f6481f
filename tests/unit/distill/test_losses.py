"""Losses against values worked out by hand, and against loops that are too plain to be wrong."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from qrmiddleware.distill import losses
from qrmiddleware.distill.losses import Scale

pytestmark = pytest.mark.students
LOGITS = st.floats(-20, 20, width=32)


@pytest.fixture
def torch():
    return pytest.importorskip("torch")


def test_margins_of_two_queries_give_the_value_worked_by_hand(torch):
    # (1 - 0) - (2 + 1) = -2, squared 4; (.5 - 1.5) - (.5 - 0) = -1.5, squared 2.25; mean 3.125
    student = torch.tensor([[1.0, 0.0], [0.5, 1.5]])
    teacher = torch.tensor([[2.0, -1.0], [0.5, 0.0]])

    assert losses.margin_mse(student, teacher).item() == 3.125


def test_margins_of_three_hits_take_all_pairs(torch):
    student = torch.tensor([[3.0, 2.0, 0.0]])  # margins 1, 3, 2
    teacher = torch.tensor([[4.0, 0.0, -1.0]])  # margins 4, 5, 1

    assert losses.margin_mse(student, teacher).item() == pytest.approx((9 + 4 + 1) / 3)


def test_margins_leave_padding_out_even_where_it_holds_nan(torch):
    student = torch.tensor([[1.0, 0.0, float("nan")], [0.5, 1.5, float("inf")]])
    student.requires_grad_()
    teacher = torch.tensor([[2.0, -1.0, float("nan")], [0.5, 0.0, 7.0]])
    mask = torch.tensor([[True, True, False], [True, True, False]])

    loss = losses.margin_mse(student, teacher, mask=mask)
    loss.backward()

    assert loss.item() == 3.125
    assert student.grad.tolist() == [[-2.0, 2.0, 0.0], [-1.5, 1.5, 0.0]]


def test_margins_smaller_than_asked_for_are_left_out(torch):
    student = torch.tensor([[1.0, 0.0], [0.5, 1.5]])
    teacher = torch.tensor([[2.0, -1.0], [0.5, 0.0]])

    assert losses.margin_mse(student, teacher, smallest_margin=3.0).item() == 4.0
    assert losses.margin_mse(student, teacher, smallest_margin=3.1).item() == 0.0


def test_a_student_learns_the_margins_of_standardised_logits(torch):
    scale = Scale.measured([2.0, -1.0, 0.5, 0.0, 6.0])
    teacher = torch.tensor([[2.0, -1.0, 0.5]])

    assert losses.margin_mse(scale.apply(teacher) + 5, teacher, scale=scale).item() < 1e-10
    assert losses.pointwise_mse(scale.apply(teacher) + 5, teacher, scale=scale).item() == (
        pytest.approx(25)
    )


def test_a_scale_is_mean_and_deviation():
    assert Scale.measured([1.0, 3.0]) == Scale(2.0, 1.0)


@pytest.mark.parametrize("logits", [[], [1.0, 1.0], [1.0, math.nan], [1.0, math.inf]])
def test_a_scale_is_refused_where_none_can_be_measured(logits):
    with pytest.raises(ValueError, match="logits"):
        Scale.measured(logits)


def test_a_batch_without_a_pair_costs_nothing_and_still_has_gradients(torch):
    student = torch.tensor([[1.0, 2.0]], requires_grad=True)
    mask = torch.tensor([[True, False]])

    loss = losses.margin_mse(student, torch.zeros(1, 2), mask=mask)
    loss.backward()

    assert loss.item() == 0
    assert student.grad.tolist() == [[0.0, 0.0]]


@settings(max_examples=60, deadline=None)
@given(data=st.data(), queries=st.integers(1, 3), hits=st.integers(1, 6))
def test_all_pairs_at_once_equal_two_plain_loops(data, queries, hits):
    torch = pytest.importorskip("torch")
    draw = arrays.arrays("float32", (queries, hits), elements=LOGITS)
    student, teacher = data.draw(draw), data.draw(draw)
    mask = data.draw(arrays.arrays("bool", (queries, hits)))
    smallest = data.draw(st.sampled_from([0.0, 0.5, 3.0]))

    got = losses.margin_mse(
        torch.tensor(student).double(),
        torch.tensor(teacher).double(),
        mask=torch.tensor(mask),
        smallest_margin=smallest,
    )

    assert got.item() == pytest.approx(plain_margins(student, teacher, mask, smallest), abs=1e-9)


def plain_margins(student, teacher, mask, smallest):
    squares = []
    for s, t, kept in zip(student.tolist(), teacher.tolist(), mask.tolist(), strict=True):
        for i in range(len(s)):
            for j in range(i + 1, len(s)):
                wanted = t[i] - t[j]
                if kept[i] and kept[j] and abs(wanted) >= smallest:
                    squares.append(((s[i] - s[j]) - wanted) ** 2)
    return sum(squares) / len(squares) if squares else 0.0


@settings(max_examples=30, deadline=None)
@given(shifts=st.lists(st.floats(-100, 100), min_size=2, max_size=2))
def test_a_shift_of_a_querys_scores_changes_no_margin(shifts):
    torch = pytest.importorskip("torch")
    student = torch.tensor([[1.0, 0.2, -3.0], [0.5, 1.5, 2.0]]).double()
    teacher = torch.tensor([[2.0, -1.0, 0.0], [0.5, 0.0, 4.0]]).double()
    moved = student + torch.tensor(shifts).double()[:, None]

    assert losses.margin_mse(moved, teacher).item() == pytest.approx(
        losses.margin_mse(student, teacher).item(), rel=1e-9
    )


def test_pointwise_loss_is_the_mean_square(torch):
    student, teacher = torch.tensor([[1.0, 2.0]]), torch.tensor([[0.0, 5.0]])

    assert losses.pointwise_mse(student, teacher).item() == 5.0
    mask = torch.tensor([[False, True]])
    assert losses.pointwise_mse(student, teacher, mask=mask).item() == 9.0


def test_graded_targets_give_the_cross_entropy_worked_by_hand(torch):
    # logit 0: ln 2 whatever the target; logit ln 3 (p = .75), target .5: -(ln .75 + ln .25) / 2
    logits = torch.tensor([0.0, math.log(3)])

    got = losses.soft_bce(logits, torch.tensor([0.3, 0.5])).item()

    assert got == pytest.approx((math.log(2) - (math.log(0.75) + math.log(0.25)) / 2) / 2)


def test_rounded_targets_forget_the_grade(torch):
    logits = torch.tensor([1.0, -1.0])

    got = losses.hard_bce(logits, torch.tensor([0.5, 0.4]))

    assert got.item() == pytest.approx(math.log(1 + math.exp(-1)))


def test_one_label_of_three_gives_the_cross_entropy_worked_by_hand(torch):
    # softmax(ln 1, ln 2, ln 5) = .125, .25, .625; the row that is left out does not count
    logits = torch.tensor([[0.0, math.log(2), math.log(5)], [9.0, 0.0, 0.0]])

    got = losses.hard_cross_entropy(logits, torch.tensor([1, -100]))

    assert got.item() == pytest.approx(math.log(4))
    assert losses.hard_cross_entropy(logits, torch.tensor([-100, -100])).item() == 0


def test_a_soft_label_gives_the_cross_entropy_worked_by_hand(torch):
    logits = torch.tensor([[0.0, math.log(3)]])  # .25, .75

    got = losses.soft_cross_entropy(logits, torch.tensor([[0.5, 0.5]]))

    assert got.item() == pytest.approx(-(math.log(0.25) + math.log(0.75)) / 2)


def test_softened_distributions_give_the_divergence_worked_by_hand(torch):
    teacher, student = torch.tensor([[math.log(3), 0.0]]), torch.zeros(1, 2)

    plain = losses.distribution_kl(student, teacher)
    softened = losses.distribution_kl(student, teacher, temperature=2.0)

    assert plain.item() == pytest.approx(0.75 * math.log(1.5) + 0.25 * math.log(0.5))
    share = math.sqrt(3) / (1 + math.sqrt(3))
    by_hand = share * math.log(2 * share) + (1 - share) * math.log(2 * (1 - share))
    assert softened.item() == pytest.approx(4 * by_hand)


def test_a_student_that_says_the_same_diverges_by_nothing_and_moves_no_teacher(torch):
    teacher = torch.tensor([[1.0, 2.0, -3.0]], requires_grad=True)
    student = (teacher.detach() + 5.0).requires_grad_()

    loss = losses.distribution_kl(student, teacher, temperature=3.0)
    loss.backward()

    assert loss.item() == pytest.approx(0.0, abs=1e-5)
    assert teacher.grad is None


@pytest.mark.parametrize("temperature", [0.0, -1.0, math.nan])
def test_a_temperature_is_positive(torch, temperature):
    with pytest.raises(ValueError, match=r"temperature .* has to be positive"):
        losses.distribution_kl(torch.zeros(1, 2), torch.zeros(1, 2), temperature=temperature)


def test_aligned_views_give_the_contrast_worked_by_hand(torch):
    standard, augmented = torch.eye(2) * 3, torch.tensor([[1.0, 0.5], [0.2, 1.0]])
    first, second = math.hypot(1, 0.5), math.hypot(0.2, 1)
    cosines = [[1 / first, 0.2 / second], [0.5 / first, 1 / second]]

    one_way = losses.alignment(standard, augmented)
    both_ways = losses.alignment(standard, augmented, symmetric=True)

    def missed(own, other):
        return math.log1p(math.exp((other - own) / 0.1))

    rows = (missed(cosines[0][0], cosines[0][1]) + missed(cosines[1][1], cosines[1][0])) / 2
    columns = (missed(cosines[0][0], cosines[1][0]) + missed(cosines[1][1], cosines[0][1])) / 2
    assert one_way.item() == pytest.approx(rows, rel=1e-4)
    assert one_way.item() == pytest.approx(0.00287086, rel=1e-4)
    assert both_ways.item() == pytest.approx((rows + columns) / 2, rel=1e-4)


def test_pairs_of_one_class_are_no_negatives_of_each_other(torch):
    views = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])

    apart = losses.alignment(views, views)
    forgiven = losses.alignment(views, views, classes=torch.tensor([4, 4, 5]))

    by_hand = (2 * math.log1p(math.exp(-10)) + math.log1p(2 * math.exp(-10))) / 3
    assert apart.item() > 0.4
    assert forgiven.item() == pytest.approx(by_hand, rel=1e-3)


@pytest.mark.parametrize("stopped", [True, False])
def test_the_augmented_view_moves_only_where_its_gradient_is_not_stopped(torch, stopped):
    standard = torch.tensor([[1.0, 0.2], [0.1, 1.0]], requires_grad=True)
    augmented = torch.tensor([[1.0, 0.5], [0.2, 1.0]], requires_grad=True)

    losses.alignment(standard, augmented, stop_gradient=stopped).backward()

    assert standard.grad.abs().sum() > 0
    assert (augmented.grad is None) is stopped


def test_views_are_rows_with_a_class_each(torch):
    with pytest.raises(ValueError, match=r"views of shape \(4,\)"):
        losses.alignment(torch.zeros(4), torch.zeros(4))
    with pytest.raises(ValueError, match=r"\(pairs, width\) is needed, and a class each"):
        losses.alignment(torch.eye(2), torch.eye(2), classes=torch.zeros(3))


@pytest.mark.parametrize(
    "loss", [losses.margin_mse, losses.pointwise_mse, losses.soft_bce, losses.soft_cross_entropy]
)
def test_gradients_are_those_of_the_value(loss, torch):
    generator = torch.Generator().manual_seed(1)
    logits = torch.randn(2, 4, generator=generator, dtype=torch.float64, requires_grad=True)
    targets = torch.rand(2, 4, generator=generator, dtype=torch.float64)

    assert torch.autograd.gradcheck(lambda values: loss(values, targets), (logits,))


@pytest.mark.parametrize(
    "loss", [losses.margin_mse, losses.pointwise_mse, losses.soft_bce, losses.hard_bce]
)
def test_losses_are_float32_under_bfloat16_autocast(loss, torch):
    logits = torch.randn(2, 4, dtype=torch.bfloat16, requires_grad=True)
    targets = torch.rand(2, 4, dtype=torch.bfloat16)

    with torch.autocast("cpu", dtype=torch.bfloat16):
        value = loss(logits, targets)

    assert value.dtype == torch.float32
    assert value.item() == pytest.approx(loss(logits.float(), targets.float()).item(), rel=1e-6)


def test_shapes_that_do_not_fit_are_named(torch):
    with pytest.raises(ValueError, match=r"\(1, 2\), \(2, 2\)"):
        losses.margin_mse(torch.zeros(2, 2), torch.zeros(1, 2))
    with pytest.raises(ValueError, match=r"\(0, 3\)"):
        losses.soft_bce(torch.zeros(0, 3), torch.zeros(0, 3))
    with pytest.raises(ValueError, match="queries, hits"):
        losses.margin_mse(torch.zeros(3), torch.zeros(3))
    with pytest.raises(ValueError, match="classes"):
        losses.hard_cross_entropy(torch.zeros(2, 3), torch.zeros(3))

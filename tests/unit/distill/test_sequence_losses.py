"""Losses against values worked out by hand, and where their gradients point."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qrmiddleware.distill import sequence_losses as losses

pytestmark = pytest.mark.students


@pytest.fixture
def torch():
    return pytest.importorskip("torch")


@pytest.fixture
def logits(torch):
    """Over three words: 1/2, 1/4, 1/4; then alike; then 3/4, 1/8, 1/8."""
    told = torch.tensor([[[2.0, 1, 1], [1, 1, 1]], [[6, 1, 1], [9, 9, 9]]]).log()
    return told.requires_grad_()


def test_cross_entropy_is_that_of_the_response_alone(torch, logits):
    labels = torch.tensor([[0, 2], [1, -100]])

    loss = losses.response_cross_entropy(logits, labels)

    assert loss.item() == pytest.approx((math.log(2) + math.log(3) + math.log(8)) / 3)


def test_parts_of_a_batch_add_up_to_it(torch, logits):
    labels = torch.tensor([[0, 2], [1, -100]])

    parts = [
        losses.response_cross_entropy(logits[n : n + 1], labels[n : n + 1], tokens=3).item()
        for n in (0, 1)
    ]

    assert sum(parts) == pytest.approx(losses.response_cross_entropy(logits, labels).item())


def test_gradients_raise_what_should_come_and_leave_prompts_alone(torch, logits):
    losses.response_cross_entropy(logits, torch.tensor([[0, -100], [1, -100]])).backward()

    assert logits.grad[:, 1].abs().sum() == 0
    assert logits.grad[0, 0].tolist() == pytest.approx([-0.25, 0.125, 0.125])
    assert logits.grad[1, 0, 1] < 0 < logits.grad[1, 0, 0]


def test_rows_that_are_left_out_cost_nothing(torch, logits):
    labels = torch.full((2, 2), -100)

    assert losses.response_cross_entropy(logits, labels).item() == 0
    assert losses.response_log_probabilities(logits, labels, normalised=True).tolist() == [0, 0]


def test_log_probabilities_are_sums_or_means_of_the_tokens(torch, logits):
    labels = torch.tensor([[0, 2], [1, -100]])

    sums = losses.response_log_probabilities(logits, labels)
    means = losses.response_log_probabilities(logits, labels, normalised=True)

    assert sums.tolist() == pytest.approx([-math.log(6), -math.log(8)])
    assert means.tolist() == pytest.approx([-math.log(6) / 2, -math.log(8)])


def test_preferences_give_the_value_worked_by_hand(torch):
    # (-1 - -2) - (-3 - -3) = 1, times .5: log(1 + e^-.5); (-4 - -4) - (-1 - -3) = -2: log(1 + e)
    chosen, rejected = torch.tensor([-1.0, -4.0]), torch.tensor([-3.0, -1.0])
    reference = {
        "reference_chosen": torch.tensor([-2.0, -4.0]),
        "reference_rejected": torch.tensor([-3.0, -3.0]),
    }

    loss = losses.dpo(chosen, rejected, beta=0.5, **reference)

    wanted = (math.log1p(math.exp(-0.5)) + math.log1p(math.exp(1))) / 2
    assert loss.item() == pytest.approx(wanted)


def test_without_a_reference_the_margin_itself_counts(torch):
    loss = losses.dpo(torch.tensor([-1.0]), torch.tensor([-3.0]), beta=0.5)

    assert loss.item() == pytest.approx(math.log1p(math.exp(-1)))


def test_where_nothing_has_changed_the_loss_is_log_2(torch):
    same = torch.tensor([-1.0, -7.0])
    other = torch.tensor([-9.0, -2.0])

    loss = losses.dpo(same, other, reference_chosen=same, reference_rejected=other)

    assert loss.item() == pytest.approx(math.log(2))


def test_gradients_raise_the_chosen_and_lower_the_rejected_and_spare_the_reference(torch):
    chosen, rejected, kept, held = (
        torch.tensor([value], requires_grad=True) for value in (-1.0, -2.0, -1.5, -1.5)
    )

    losses.dpo(
        chosen, rejected, beta=0.5, reference_chosen=kept, reference_rejected=held
    ).backward()

    wrong = 1 / (1 + math.exp(0.5))  # beta sigmoid(-beta margin), for a margin of 1
    assert chosen.grad.item() == pytest.approx(-0.5 * wrong)
    assert rejected.grad.item() == pytest.approx(0.5 * wrong)
    assert (kept.grad, held.grad) == (None, None)


def as_published(scores, rewards):
    """Rank a list as the authors' program does, best first: in loops, with logarithms of sums."""
    total = 0.0
    for best in range(len(scores) - 1):
        rest = range(best + 1, len(scores))
        gaps = {other: rewards[best] - rewards[other] for other in rest}
        own = math.exp(scores[best] * max(gaps.values()))
        others = sum(math.exp(scores[other] * gap) for other, gap in gaps.items())
        total -= math.log(own / (own + others))
    return total


def ranked(torch, scores, rewards, **told):
    kind = torch.float64
    return losses.preference_ranking(
        torch.tensor(scores, dtype=kind), torch.tensor(rewards, dtype=kind), **told
    ).item()


def test_a_ranking_gives_the_values_worked_by_hand(torch):
    scores, rewards = [-0.5, -1.0, -2.0], [1.0, 0.6, 0.1]

    assert ranked(torch, scores, rewards) == pytest.approx(1.311546, abs=1e-6)
    assert ranked(torch, scores[1:], rewards[1:]) == pytest.approx(0.474077, abs=1e-6)
    assert ranked(torch, scores, rewards, temperatures=False) == pytest.approx(
        0.604131 + 0.313262, abs=1e-6
    )


def test_a_ranking_of_two_is_bradley_and_terrys_softened_by_their_distance(torch):
    for better, worse, gap in ((-1.0, -3.0, 0.4), (-3.0, -1.0, 1.0)):
        wanted = math.log1p(math.exp(gap * (worse - better)))

        assert ranked(torch, [better, worse], [gap, 0.0]) == pytest.approx(wanted)
        assert losses.dpo(
            torch.tensor([better]), torch.tensor([worse]), beta=gap
        ).item() == pytest.approx(wanted)


LISTS = st.lists(
    st.tuples(st.floats(-8, 0), st.integers(0, 20)),
    min_size=2,
    max_size=6,
    unique_by=lambda e: e[1],
).map(lambda told: sorted(told, key=lambda each: -each[1]))
TIED = st.lists(st.tuples(st.floats(-8, 0), st.integers(0, 4)), min_size=1, max_size=6)


@given(LISTS)
def test_a_ranking_without_ties_is_the_authors_own(told):
    torch = pytest.importorskip("torch")
    scores, rewards = [each for each, _ in told], [each / 20 for _, each in told]

    assert ranked(torch, scores, rewards) == pytest.approx(as_published(scores, rewards))


@given(TIED, st.randoms(use_true_random=False), st.floats(-3, 3), st.floats(0.25, 4))
def test_order_and_origin_of_rewards_say_nothing_and_scales_cancel(told, rng, origin, scale):
    torch = pytest.importorskip("torch")
    scores, rewards = [each for each, _ in told], [each / 4 for _, each in told]
    mixed = rng.sample(told, len(told))
    loss = ranked(torch, scores, rewards)

    assert loss >= 0
    assert ranked(torch, *zip(*((s, r / 4) for s, r in mixed), strict=True)) == pytest.approx(loss)
    assert ranked(torch, scores, [4 + round(origin) + r for r in rewards]) == pytest.approx(loss)
    assert ranked(
        torch, [s / scale for s in scores], [r * scale for r in rewards]
    ) == pytest.approx(loss)


def test_responses_of_equal_worth_are_not_told_from_each_other(torch):
    scores = torch.tensor([-0.5, -1.0, -2.0, -0.1], requires_grad=True)

    losses.preference_ranking(scores[:2], torch.tensor([0.3, 0.3])).backward()
    assert scores.grad.tolist() == [0, 0, 0, 0]

    two = ranked(torch, [-0.5, -2.0], [1.0, 0.0]), ranked(torch, [-1.0, -2.0], [1.0, 0.0])
    assert ranked(torch, [-0.5, -1.0, -2.0], [1.0, 1.0, 0.0]) == pytest.approx(sum(two))


def test_gradients_of_a_ranking_raise_the_best_and_lower_the_worst(torch):
    scores = torch.tensor([-2.0, -1.0, -0.5], dtype=torch.float64, requires_grad=True)
    rewards = torch.tensor([0.0, 1.0, 0.4], dtype=torch.float64, requires_grad=True)

    losses.preference_ranking(scores, rewards).backward()

    assert scores.grad[1] < 0 < scores.grad[0]
    assert rewards.grad is None
    assert torch.autograd.gradcheck(
        lambda told: losses.preference_ranking(told, rewards), scores.detach().requires_grad_()
    )


def test_rankings_that_do_not_fit_are_refused(torch):
    for told in ((2, 3), (0, 0), ((1, 2), (1, 2))):
        with pytest.raises(ValueError, match=r"both need one shape \(responses,\)"):
            losses.preference_ranking(*map(torch.zeros, told))


def test_half_precision_is_computed_in_full(torch):
    logits = torch.zeros(1, 1, 4, dtype=torch.bfloat16)

    loss = losses.response_cross_entropy(logits, torch.tensor([[1]]))

    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(math.log(4), rel=1e-6)


@pytest.mark.parametrize(
    ("shape", "labels"), [((2, 3), (2,)), ((2, 3, 4), (2, 2)), ((0, 3, 4), (0, 3))]
)
def test_shapes_that_do_not_fit_are_refused(torch, shape, labels):
    for loss in (losses.response_cross_entropy, losses.response_log_probabilities):
        with pytest.raises(ValueError, match=r"\(rows, tokens, vocabulary\) and \(rows, tokens\)"):
            loss(torch.zeros(shape), torch.zeros(labels, dtype=torch.long))


def test_preferences_that_do_not_fit_are_refused(torch):
    one, two = torch.zeros(1), torch.zeros(2)

    for told in ((one, two), (torch.zeros(0), torch.zeros(0)), (torch.zeros(1, 1),) * 2):
        with pytest.raises(ValueError, match=r"all need one shape \(pairs,\)"):
            losses.dpo(*told)
    with pytest.raises(ValueError, match="a reference needs both"):
        losses.dpo(one, one, reference_chosen=one)


def test_dpo_by_log_probabilities_of_whole_sequences(torch):
    chosen, rejected = torch.tensor([-3.0]), torch.tensor([-6.0])
    reference = {
        "reference_chosen": torch.tensor([-4.0]),
        "reference_rejected": torch.tensor([-5.5]),
    }

    held = losses.dpo(chosen, rejected, beta=0.1, **reference)  # a margin of 0.15
    free = losses.dpo(chosen, rejected, beta=0.1)

    assert held.item() == pytest.approx(0.620957, abs=1e-6)
    assert free.item() == pytest.approx(0.554355, abs=1e-6)

import math

import pytest

from qrmiddleware.distill.distillation_losses import (
    forward_kl,
    group_advantages,
    grpo,
    reverse_kl,
    token_log_probabilities,
)

pytestmark = pytest.mark.students
STUDENT = (0.7, 0.2, 0.1)
TEACHER = (0.5, 0.3, 0.2)


@pytest.fixture
def torch():
    return pytest.importorskip("torch")


@pytest.fixture
def logits(torch):
    """One row of as many tokens as distributions are given."""
    return lambda *rows: torch.tensor([[[math.log(p) for p in row] for row in rows]])


def test_the_reverse_direction_weighs_by_the_student(torch, logits):
    told = reverse_kl(logits(STUDENT), logits(TEACHER), torch.tensor([[0]]))

    assert told.item() == pytest.approx(0.0851228, abs=1e-6)
    by_hand = sum(s * math.log(s / t) for s, t in zip(STUDENT, TEACHER, strict=True))
    assert told.item() == pytest.approx(by_hand, abs=1e-6)


def test_the_forward_direction_weighs_by_the_teacher(torch, logits):
    told = forward_kl(logits(STUDENT), logits(TEACHER), torch.tensor([[0]]))

    assert told.item() == pytest.approx(0.0920329, abs=1e-6)


def test_prompt_and_padding_do_not_count(torch, logits):
    far, same = (0.98, 0.01, 0.01), (0.2, 0.3, 0.5)
    student, teacher = logits(far, STUDENT, same), logits((0.01, 0.01, 0.98), TEACHER, same)

    told = reverse_kl(student, teacher, torch.tensor([[-100, 1, 2]]))

    assert told.item() == pytest.approx(0.0851228 / 2, abs=1e-6)
    none = torch.full((1, 3), -100)
    assert reverse_kl(student, teacher, none).item() == 0


def test_parts_of_a_batch_add_up(torch, logits):
    student, teacher = logits(STUDENT, TEACHER), logits(TEACHER, (0.1, 0.1, 0.8))
    whole = reverse_kl(student, teacher, torch.tensor([[0, 1]]))
    first, second = (
        reverse_kl(student[:, n : n + 1], teacher[:, n : n + 1], torch.tensor([[0]]), tokens=2)
        for n in (0, 1)
    )

    assert (first + second).item() == pytest.approx(whole.item(), rel=1e-5)


def test_only_the_student_learns(torch, logits):
    student, teacher = logits(STUDENT).requires_grad_(), logits(TEACHER).requires_grad_()

    reverse_kl(student, teacher, torch.tensor([[0]])).backward()

    assert teacher.grad is None
    # d KL / d logit_i = p_i (log p_i/q_i - KL)
    expected = [s * (math.log(s / t) - 0.0851228) for s, t in zip(STUDENT, TEACHER, strict=True)]
    assert student.grad[0, 0].tolist() == pytest.approx(expected, abs=1e-5)


def test_a_high_temperature_brings_them_together(torch, logits):
    labels = torch.tensor([[0]])
    plain = reverse_kl(logits(STUDENT), logits(TEACHER), labels)
    softened = reverse_kl(logits(STUDENT), logits(TEACHER), labels, temperature=4.0)

    assert 0 < softened.item() < plain.item()
    with pytest.raises(ValueError, match="above 0"):
        reverse_kl(logits(STUDENT), logits(TEACHER), labels, temperature=0)


def test_shapes_that_do_not_fit_are_refused(torch, logits):
    with pytest.raises(ValueError, match=r"\(1, 1, 3\) and \(1, 2, 3\)"):
        reverse_kl(logits(STUDENT), logits(STUDENT, TEACHER), torch.tensor([[0]]))


def test_advantages_are_of_a_group(torch):
    told = group_advantages(torch.tensor([[1.0, 2.0, 3.0], [5.0, 5.0, 5.0]]))

    deviation = math.sqrt(2 / 3)
    assert told[0].tolist() == pytest.approx([-1 / deviation, 0, 1 / deviation])
    assert told[1].tolist() == [0, 0, 0]
    with pytest.raises(ValueError, match="at least 2"):
        group_advantages(torch.tensor([[1.0]]))


def test_the_policy_objective_by_hand(torch):
    """Ratios 1.1 and 1.5 at advantage 1; 0.5 at advantage -1, the second token left out."""
    then = torch.zeros(2, 2)
    now = torch.tensor([[math.log(1.1), math.log(1.5)], [math.log(0.5), 9.0]])
    kept = torch.tensor([[1, 1], [1, 0]])

    told = grpo(now, then, now.detach(), torch.tensor([1.0, -1.0]), kept, clip=0.2, leash=0.5)

    first = (1.1 + 1.2) / 2  # 1.5 is cut to 1.2
    second = -0.8  # of -0.5 and -0.8 the lower one
    assert told.item() == pytest.approx(-(first + second) / 2, abs=1e-6)


def test_the_leash_costs_what_is_away_from_the_reference(torch):
    now, reference = torch.tensor([[math.log(0.5)]]), torch.tensor([[math.log(0.25)]])
    one = torch.ones(1, 1)

    told = grpo(now, now, reference, torch.zeros(1), one, leash=0.1)

    assert told.item() == pytest.approx(0.1 * (0.5 - math.log(0.5) - 1), abs=1e-6)


def test_beyond_the_clip_no_gradient_flows(torch):
    now = torch.tensor([[math.log(1.5)], [math.log(1.1)]], requires_grad=True)
    one = torch.ones(2, 1)

    grpo(now, torch.zeros(2, 1), now.detach(), torch.ones(2), one, leash=0.0).backward()

    assert now.grad[0].item() == 0
    assert now.grad[1].item() == pytest.approx(-1.1 / 2)


def test_tokens_that_do_not_fit_are_refused(torch):
    with pytest.raises(ValueError, match=r"\(responses, tokens\)"):
        grpo(*[torch.zeros(2, 3)] * 3, torch.zeros(3), torch.ones(2, 3))


def test_log_probabilities_stand_token_by_token(torch, logits):
    told = token_log_probabilities(logits(STUDENT, TEACHER, STUDENT), torch.tensor([[0, 2, -100]]))

    assert told[0].tolist() == pytest.approx([math.log(0.7), math.log(0.2), 0.0])

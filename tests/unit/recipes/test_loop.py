import pytest

from qrmiddleware.distill.lists import Position
from qrmiddleware.recipes import loop
from qrmiddleware.recipes.loop import Course, Lessons, train

pytestmark = pytest.mark.students
STEPS = 7


@pytest.fixture
def torch():
    return pytest.importorskip("torch")


def numbers(start):
    """Batches 0, 1, 2, …, two of each number."""
    batch = start.batch
    while True:
        yield (float(batch), float(batch)), Position(0, batch + 1)
        batch += 1


def model_of(torch):
    torch.manual_seed(0)
    return torch.nn.Linear(1, 1)


def squared(seen, *, after=STEPS):
    def loss(model, batch):
        import torch

        if len(seen) == after:
            raise KeyboardInterrupt
        seen.append(batch)
        return ((model(torch.tensor(batch)[:, None]) - 3) ** 2).mean()

    return loss


def course(**told):
    return Course(
        **{"steps": STEPS, "rate": 0.1, "seed": 0, "what": "a line", "settings": {}} | told
    )


def test_batches_come_in_order_and_the_model_is_left_ready(torch, tmp_path):
    seen, model = [], model_of(torch)

    train(model, Lessons(numbers, squared(seen)), course(), checkpoints=tmp_path)

    assert seen == [(float(n), float(n)) for n in range(STEPS)]
    assert not model.training


def test_an_interrupted_training_ends_with_the_same_weights(torch, tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "SAVE_EVERY", 2)
    whole, part, again = (model_of(torch) for _ in range(3))
    train(whole, Lessons(numbers, squared([])), course(), checkpoints=tmp_path / "a")

    with pytest.raises(KeyboardInterrupt):
        train(part, Lessons(numbers, squared([], after=5)), course(), checkpoints=tmp_path / "b")
    seen = []
    train(again, Lessons(numbers, squared(seen)), course(), checkpoints=tmp_path / "b")

    assert [batch[0] for batch in seen] == [4, 5, 6]
    assert again.state_dict() == whole.state_dict()


def test_a_loss_may_come_in_parts(torch, tmp_path):
    whole, apart = model_of(torch), model_of(torch)

    def parts(model, batch):
        for number in batch:
            yield ((model(torch.tensor([number])) - 3) ** 2).mean() / len(batch)

    train(whole, Lessons(numbers, squared([])), course(), checkpoints=tmp_path / "a")
    train(apart, Lessons(numbers, parts), course(), checkpoints=tmp_path / "b")

    assert apart.weight.item() == pytest.approx(whole.weight.item(), rel=1e-5)
    assert whole.weight.item() != pytest.approx(model_of(torch).weight.item(), abs=0.1)

"""A run that is stopped and resumed is the run that was never stopped."""

from itertools import islice

import pytest

from qrmiddleware.distill.batching import encode_pairs, in_lists, pair_logits
from qrmiddleware.distill.checkpoints import (
    Learning,
    Progressed,
    newest_checkpoint,
    resume,
    save_checkpoint,
)
from qrmiddleware.distill.lists import Candidate, Position, QueryList, Sampling, batches
from qrmiddleware.distill.losses import margin_mse
from qrmiddleware.distill.modelling import tiny_encoder
from qrmiddleware.distill.training import adamw, learn, linear_schedule, seed_everything
from qrmiddleware.errors import ConfigError

pytestmark = pytest.mark.students
SETTINGS = {"seed": 3, "layers": (1,)}
TITLES = ["desk lamp", "floor lamp", "office chair", "garden chair", "red desk"]
LISTS = [
    QueryList(query, tuple(Candidate(title, float(query in title)) for title in TITLES))
    for query in ("lamp", "chair", "desk", "red", "floor")
]


@pytest.fixture(scope="module")
def accelerate():
    pytest.importorskip("torch")
    return pytest.importorskip("accelerate")


def begin(accelerate):
    seed_everything(3)
    accelerator = accelerate.Accelerator(cpu=True)
    encoder = tiny_encoder(TITLES, vocabulary=60, layers=1, hidden=8, heads=2, dropout=0.1, seed=3)
    optimizer = adamw(encoder.model, rate=1e-2)
    schedule = linear_schedule(optimizer, warmup_steps=2, steps=12)
    model, prepared = accelerator.prepare(encoder.model, optimizer)
    model.train()
    return encoder.tokenizer, Learning(accelerator, model, prepared, schedule)


def train(accelerate, folder, *, until, every=5):
    """Train in sight, as a recipe does; drop-out draws on torch's chance."""
    import torch

    tokenizer, learning = begin(accelerate)
    at = resume(folder, learning, settings=SETTINGS)
    losses = []
    sampling = Sampling(queries=2, hits=3, seed=3)
    for step, (batch, position) in enumerate(
        islice(batches(LISTS, sampling, start=at.position), until - at.step), start=at.step + 1
    ):
        rows = [
            row
            for item in batch
            for row in encode_pairs(
                tokenizer,
                item.query,
                [candidate.doc_id for candidate in item.candidates],
                max_query_tokens=4,
                max_tokens=16,
            )
        ]
        targets = torch.tensor([c.target for item in batch for c in item.candidates])
        sizes = [len(item.candidates) for item in batch]
        logits = pair_logits(learning.model, rows, pad=0, budget=64)[:, 0]
        student, mask = in_lists(logits, sizes)
        loss = margin_mse(student, in_lists(targets, sizes)[0], mask=mask)
        losses.append(
            learn(
                loss,
                accelerator=learning.accelerator,
                model=learning.model,
                optimizer=learning.optimizer,
                schedule=learning.schedule,
            )
        )
        if step % every == 0:
            save_checkpoint(folder, learning, Progressed(step, position), settings=SETTINGS)
    return losses, learning


def test_a_resumed_run_equals_an_uninterrupted_one(accelerate, tmp_path):
    whole, uninterrupted = train(accelerate, tmp_path / "whole", until=12)

    train(accelerate, tmp_path / "cut", until=7)  # killed two steps after its checkpoint
    rest, resumed = train(accelerate, tmp_path / "cut", until=12)

    assert rest == whole[5:]
    weights = uninterrupted.model.state_dict()
    assert all(value.equal(weights[name]) for name, value in resumed.model.state_dict().items())


def test_only_the_newest_checkpoint_stays(accelerate, tmp_path):
    train(accelerate, tmp_path, until=11)

    assert [path.name for path in tmp_path.iterdir()] == ["step-00000010"]


def test_a_draft_of_a_killed_run_is_no_checkpoint_and_goes(accelerate, tmp_path):
    train(accelerate, tmp_path, until=5)
    (tmp_path / "step-00000009.draft").mkdir()
    (tmp_path / "notes").mkdir()

    found = newest_checkpoint(tmp_path)
    train(accelerate, tmp_path, until=10)

    assert found.name == "step-00000005"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["notes", "step-00000010"]


def test_a_run_without_checkpoints_begins(accelerate, tmp_path):
    _, learning = begin(accelerate)

    assert resume(tmp_path / "new", learning, settings=SETTINGS) == Progressed(0, Position())


def test_other_settings_or_processes_are_refused(accelerate, tmp_path):
    _, learning = train(accelerate, tmp_path, until=5)

    with pytest.raises(ConfigError, match="begun with seed 3, and now it is 4"):
        resume(tmp_path, learning, settings=SETTINGS | {"seed": 4})
    (tmp_path / "step-00000005" / "chance-1.pt").touch()
    with pytest.raises(ConfigError, match="written by 2 processes and there are 1"):
        resume(tmp_path, learning, settings=SETTINGS)


def freeze(learning):
    """Let nothing learn but the head, as adapters do with a large model."""
    for name, weight in learning.model.named_parameters():
        weight.requires_grad_("classifier" in name)
    return learning


def test_only_weights_that_learn_are_written_and_the_frozen_stay(accelerate, tmp_path):
    import torch

    learning = freeze(begin(accelerate)[1])
    with torch.no_grad():
        learning.model.classifier.weight.fill_(7)
    saved = save_checkpoint(tmp_path, learning, Progressed(1), settings=SETTINGS)

    again = freeze(begin(accelerate)[1])
    assert resume(tmp_path, again, settings=SETTINGS) == Progressed(1)

    learnt = torch.load(saved / "learnt.pt", weights_only=True)["model"]
    assert set(learnt) == {"classifier.weight", "classifier.bias"}
    assert again.model.classifier.weight.eq(7).all()


def test_a_model_of_which_more_learns_is_refused(accelerate, tmp_path):
    save_checkpoint(tmp_path, freeze(begin(accelerate)[1]), Progressed(1), settings=SETTINGS)

    with pytest.raises(ConfigError, match=r"others of the weights learn, such as bert\."):
        resume(tmp_path, begin(accelerate)[1], settings=SETTINGS)

import math
import random

import pytest

from qrmiddleware.distill.batching import encode_pairs, pair_logits
from qrmiddleware.distill.losses import margin_mse
from qrmiddleware.distill.modelling import tiny_encoder
from qrmiddleware.distill.training import (
    adamw,
    best_precision,
    learn,
    linear_schedule,
    machine,
    parameter_groups,
    rate_factor,
    reporting,
    seed_everything,
)
from qrmiddleware.errors import ConfigError

needs_torch = pytest.mark.students


def test_the_rate_rises_then_falls():
    factors = [rate_factor(step, 3, 7) for step in range(8)]

    assert factors == [0.25, 0.5, 0.75, 1.0, 0.75, 0.5, 0.25, 0.0]


def test_progress_shows_a_running_mean(capsys):
    with reporting("teaching", steps=2) as report:
        report(1, 1.0)
        report(2, 51.0)

    shown = capsys.readouterr().err
    assert "teaching" in shown
    assert "2/2" in shown
    assert "loss 2.0000" in shown


def test_progress_has_a_line_for_every_tenth_where_no_terminal_shows_a_bar(capsys):
    with reporting("teaching", steps=40) as report:
        for step in range(1, 21):
            report(step, 1.0)
        lines = capsys.readouterr().err.splitlines()

    assert [line.split(", loss")[0] for line in lines] == [
        f"teaching: {step}/40 steps" for step in (4, 8, 12, 16, 20)
    ]


def test_progress_can_be_kept_quiet(capsys):
    with reporting("teaching", steps=2, shown=False) as report:
        report(1, 1.0)

    assert capsys.readouterr().err == ""


@needs_torch
def test_a_seed_repeats_all_chance():
    torch = pytest.importorskip("torch")
    np = pytest.importorskip("numpy")

    def draws():
        seed_everything(5)
        return random.getstate(), np.random.rand(), torch.rand(1).item()

    assert draws() == draws()


@needs_torch
def test_biases_and_norms_do_not_decay():
    torch = pytest.importorskip("torch")
    model = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.LayerNorm(3))
    model[0].weight.requires_grad_(False)

    decaying, rest = parameter_groups(model, weight_decay=0.1)

    assert (decaying["params"], decaying["weight_decay"]) == ([], 0.1)
    assert (len(rest["params"]), rest["weight_decay"]) == (3, 0.0)


@needs_torch
def test_a_warm_up_as_long_as_the_training_is_refused():
    torch = pytest.importorskip("torch")

    with pytest.raises(ConfigError, match="warm-up of 5 steps in a training of 5"):
        linear_schedule(adamw(torch.nn.Linear(1, 1), rate=1.0), warmup_steps=5, steps=5)


@needs_torch
def test_a_step_learns_clipped_at_the_rate_of_the_schedule():
    torch = pytest.importorskip("torch")
    accelerate = pytest.importorskip("accelerate")
    accelerator = accelerate.Accelerator(cpu=True)
    model = torch.nn.Linear(1, 1, bias=False)
    torch.nn.init.zeros_(model.weight)
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    schedule = linear_schedule(optimizer, warmup_steps=1, steps=10)
    model, optimizer = accelerator.prepare(model, optimizer)
    pieces = {"accelerator": accelerator, "model": model, "optimizer": optimizer}

    loss = (model(torch.ones(1, 1)) - 100).square().mean()  # its gradient is -200
    value = learn(loss, schedule=schedule, max_norm=3.0, **pieces)

    assert value == 10_000
    assert model.weight.item() == pytest.approx(3.0 * 0.5, rel=1e-5)
    assert model.weight.grad is None
    with pytest.raises(FloatingPointError, match="loss is nan"):
        learn(loss * math.nan, schedule=schedule, **pieces)
    assert model.weight.item() == pytest.approx(3.0 * 0.5, rel=1e-5)


@needs_torch
def test_losses_stay_float32_where_the_model_computes_in_bfloat16():
    torch = pytest.importorskip("torch")
    encoder = tiny_encoder(["desk lamp"], vocabulary=40, layers=1, hidden=8, heads=2)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = encoder.model(**encoder.tokenizer("desk", "lamp", return_tensors="pt")).logits
        rows = encode_pairs(
            encoder.tokenizer, "desk", ["lamp", ""], max_query_tokens=4, max_tokens=16
        )
        logits = pair_logits(encoder.model, rows, pad=0, budget=100).T
        loss = margin_mse(logits, torch.zeros(1, 2))

    assert inside.dtype == torch.bfloat16
    assert loss.dtype == torch.float32
    assert all(weights.dtype == torch.float32 for weights in encoder.model.parameters())


@needs_torch
def test_the_machine_and_its_precision_are_told():
    pytest.importorskip("torch")

    assert best_precision() in {"no", "bf16"}
    assert machine()

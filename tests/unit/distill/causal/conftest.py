"""A tiny language model, and what it reads."""

import pytest

from qrmiddleware.distill.causal.models import Size, tiny_causal

TEXTS = ["red shoe", "blue shoe", "red hat", "conclusion: E", "conclusion: S", "conclusion: I"] * 3


@pytest.fixture
def torch():
    return pytest.importorskip("torch")


@pytest.fixture
def lm(torch):
    """Of random weights whose answers differ by more than rounding."""
    made = tiny_causal(TEXTS, Size(300, 2, 16, 2), seed=1)
    with torch.no_grad():
        for weight in made.model.parameters():
            weight.mul_(5 if weight.dim() > 1 else 1)
    return made

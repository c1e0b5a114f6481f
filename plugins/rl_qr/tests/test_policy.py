import pytest

from qrmiddleware.distill.causal.models import Size, tiny_causal
from qrmiddleware.distill.causal.rows import response_row
from qrmiddleware.distill.causal.scoring import log_probabilities
from qrmiddleware.errors import ConfigError
from qrmiddleware.recipes.causal import CausalFitting
from qrmiddleware_rl_qr.recipes.policy import Drawn, Pull, learn_policy

pytestmark = pytest.mark.students
TEXTS = ["red sofa", "red couch", "blue lamp"]
FITTING = CausalFitting(20, 5e-3, rows=4, at_once=3, max_tokens=20)


def begin():
    return tiny_causal(TEXTS * 3, Size(280, 1, 16, 2), seed=1)


@pytest.fixture
def lm():
    pytest.importorskip("torch")
    return begin()


def rows_of(lm):
    return [response_row(lm, (70, 71), text) for text in TEXTS]


def learn(lm, rewards, folder, pull=Pull()):  # noqa: B008 frozen
    group = [Drawn(*each) for each in zip(rows_of(lm), rewards, strict=True)]
    return learn_policy(lm, [group], begin(), fitting=FITTING, pull=pull, checkpoints=folder)


def told(lm):
    return log_probabilities(lm, rows_of(lm), budget=200)


def test_better_responses_become_likelier_than_worse_ones(lm, tmp_path):
    before = told(lm)

    assert learn(lm, (1.0, 0.0, 0.5), tmp_path) == 2  # the middle one is neither

    after = told(lm)
    assert after[0] > before[0]
    assert after[0] - after[1] > before[0] - before[1] + 0.5


def test_a_short_leash_holds_back(lm, tmp_path):
    before, other = told(lm), begin()
    learn(lm, (1.0, 0.0, 0.0), tmp_path / "a", Pull(clip=0.9, leash=0.0))
    learn(other, (1.0, 0.0, 0.0), tmp_path / "b", Pull(clip=0.9, leash=20.0))

    moved = [abs(now - then) for now, then in zip(told(lm), before, strict=True)]
    held = [abs(now - then) for now, then in zip(told(other), before, strict=True)]
    assert sum(held) < sum(moved) / 2


def test_equal_rewards_teach_nothing(lm, tmp_path):
    with pytest.raises(ConfigError, match="nothing to learn from"):
        learn(lm, (0.5, 0.5, 0.5), tmp_path)

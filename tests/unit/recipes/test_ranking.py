from dataclasses import replace

import pytest

from qrmiddleware.distill.causal.models import Size
from qrmiddleware.distill.causal.rows import response_row
from qrmiddleware.distill.causal.scoring import log_probabilities
from qrmiddleware.errors import ConfigError
from qrmiddleware.recipes import loop
from qrmiddleware.recipes.causal import Beginning, CausalFitting, learn_rows
from qrmiddleware.recipes.ranking import Ranked, learn_rankings

pytestmark = pytest.mark.students
TEXTS = ["red shoe", "blue shoe", "red hat", "blue hat"]
FITTING = CausalFitting(6, 1e-2, rows=2, at_once=2, max_tokens=20)


@pytest.fixture
def lm():
    pytest.importorskip("torch")
    return begin()


def begin():
    return Beginning(Size(280, 1, 16, 2)).load(TEXTS * 3, seed=1)


def lists_of(lm):
    """Two prompts: hats are worth more after one, shoes after the other."""
    first = [response_row(lm, (70, 71), text) for text in TEXTS]
    second = [response_row(lm, (72, 73), text) for text in TEXTS]
    return [
        Ranked(first[2], tuple(first), (0.0, 0.2, 1.0, 0.9)),
        Ranked(second[0], tuple(second), (1.0, 0.8, 0.0, 0.1)),
    ]


def rank(lm, folder, fitting=FITTING, *, weight=1.0, lists=None):
    return learn_rankings(
        lm,
        lists or lists_of(lm),
        fitting=fitting,
        weight=weight,
        checkpoints=folder,
        what="x",
    )


def told(lm):
    rows = [row for each in lists_of(lm) for row in each.rows]
    return log_probabilities(lm, rows, budget=100, normalised=True)


def weights(lm):
    return {name: weight.tolist() for name, weight in lm.model.state_dict().items()}


def test_what_is_worth_more_becomes_likelier_than_what_is_worth_less(lm, tmp_path):
    assert rank(lm, tmp_path, replace(FITTING, steps=60), weight=5.0) == 0

    after = told(lm)
    assert min(after[2:4]) > max(after[0:2])
    assert min(after[4:6]) > max(after[6:8])


def test_without_weight_the_targets_alone_are_learnt(lm, tmp_path):
    other = begin()
    rank(lm, tmp_path / "a", weight=0.0)
    learn_rows(
        other,
        [each.target for each in lists_of(other)],
        fitting=FITTING,
        checkpoints=tmp_path / "b",
        what="x",
    )

    assert weights(lm) == weights(other)


def test_a_weight_close_to_nothing_comes_close_to_that(lm, tmp_path):
    plain, close, far = lm, begin(), begin()
    for name, each, weight in (("a", plain, 0.0), ("b", close, 1e-6), ("c", far, 1.0)):
        rank(each, tmp_path / name, weight=weight)

    assert told(close) == pytest.approx(told(plain), abs=1e-2)
    assert told(far) != pytest.approx(told(plain), abs=1e-2)


def test_how_many_lists_go_in_one_pass_changes_nothing(lm, tmp_path):
    other, double = begin(), begin()

    rank(lm, tmp_path / "a", replace(FITTING, at_once=1))
    rank(other, tmp_path / "b", replace(FITTING, at_once=2))
    rank(double, tmp_path / "c", replace(FITTING, at_once=2), weight=2.0)

    assert told(lm) == pytest.approx(told(other), abs=1e-2)
    assert told(lm) != pytest.approx(told(double), abs=1e-2)


def test_a_target_need_not_be_among_the_candidates(lm, tmp_path):
    gold = response_row(lm, (70, 71), "green hat")
    lists = [replace(each, target=gold) for each in lists_of(lm)[:1]]
    before = log_probabilities(lm, [gold], budget=100)

    rank(lm, tmp_path, replace(FITTING, steps=20), lists=lists)

    assert log_probabilities(lm, [gold], budget=100)[0] > before[0] + 5


def test_lists_with_too_long_a_row_are_counted_and_left_out(lm, tmp_path):
    longer = response_row(lm, (70, 71), "red shoe " * 20)
    lists = lists_of(lm)
    lists.append(replace(lists[0], rows=(*lists[0].rows, longer), rewards=(0, 1, 2, 3, 4)))

    assert rank(lm, tmp_path / "a", lists=lists) == 1
    with pytest.raises(ConfigError, match="nothing to learn from"):
        rank(lm, tmp_path / "b", lists=lists[2:])


def test_a_killed_training_goes_on_to_the_same_weights(lm, tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "SAVE_EVERY", 2)
    saved = loop.save_checkpoint
    rank(lm, tmp_path / "whole")

    def killed(*arguments, **named):
        saved(*arguments, **named)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(loop, "save_checkpoint", killed)
        with pytest.raises(KeyboardInterrupt):
            rank(begin(), tmp_path / "killed")
    again = begin()
    rank(again, tmp_path / "killed")

    assert weights(again) == weights(lm)


def test_a_training_with_other_rewards_is_another_one(lm, tmp_path):
    rank(lm, tmp_path)
    lists = [replace(each, rewards=tuple(reversed(each.rewards))) for each in lists_of(lm)]

    with pytest.raises(ConfigError):
        rank(begin(), tmp_path, lists=lists)

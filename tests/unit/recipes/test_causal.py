from dataclasses import replace

import pytest

from qrmiddleware.distill.causal.models import Size
from qrmiddleware.distill.causal.rows import TokenRow, packed, response_row
from qrmiddleware.distill.causal.scoring import log_probabilities
from qrmiddleware.distill.lora import Lora
from qrmiddleware.errors import ConfigError
from qrmiddleware.recipes import loop
from qrmiddleware.recipes.causal import (
    Beginning,
    CausalFitting,
    Preferred,
    check_place,
    learn_preferences,
    learn_rows,
    save_whole,
)

pytestmark = pytest.mark.students
TEXTS = ["red shoe", "blue shoe", "red hat", "blue hat"]
FITTING = CausalFitting(6, 1e-2, rows=4, at_once=3, max_tokens=20)


@pytest.fixture
def lm():
    pytest.importorskip("torch")
    return begin()


def begin():
    return Beginning(Size(280, 1, 16, 2)).load(TEXTS * 3, seed=1)


def rows_of(lm):
    return [response_row(lm, (70, 71), text) for text in TEXTS]


def pairs_of(lm):
    rows = rows_of(lm)
    return [Preferred(rows[0], rows[1]), Preferred(rows[2], rows[3])]


def teach(lm, folder, fitting=FITTING, **told):
    return learn_rows(
        lm, told.get("rows") or rows_of(lm), fitting=fitting, checkpoints=folder, what="x"
    )


def prefer(lm, folder, fitting=FITTING):
    return learn_preferences(
        lm, pairs_of(lm), fitting=fitting, beta=0.3, checkpoints=folder, what="y"
    )


def told(lm):
    return log_probabilities(lm, rows_of(lm), budget=100)


def test_responses_that_are_taught_become_likelier(lm, tmp_path):
    before = told(lm)

    assert teach(lm, tmp_path, replace(FITTING, steps=30)) == 0

    assert all(now > then + 5 for now, then in zip(told(lm), before, strict=True))


def test_rows_that_are_too_long_are_counted_and_not_learnt(lm, tmp_path):
    longer = TokenRow(tuple([70] * 21), 2)

    assert teach(lm, tmp_path, rows=[*rows_of(lm), longer]) == 1


def test_how_many_go_in_one_pass_changes_nothing(lm, tmp_path):
    other = begin()

    teach(lm, tmp_path / "a", replace(FITTING, at_once=1))
    teach(other, tmp_path / "b", replace(FITTING, at_once=4))

    assert told(lm) == pytest.approx(told(other), abs=1e-3)


def test_preferred_responses_gain_on_the_others(lm, tmp_path):
    before = told(lm)

    assert prefer(lm, tmp_path, replace(FITTING, rate=3e-3)) == 0

    gain = [now - then for now, then in zip(told(lm), before, strict=True)]
    assert gain[0] > gain[1] + 1
    assert gain[2] > gain[3] + 1


class KilledError(Exception):
    """A process is killed."""


@pytest.mark.parametrize("stage", [teach, prefer])
def test_a_killed_training_goes_on_to_the_same_weights(lm, tmp_path, monkeypatch, stage):
    monkeypatch.setattr(loop, "SAVE_EVERY", 2)
    stage(lm, tmp_path / "a")
    saved = loop.save_checkpoint

    def killed(*arguments, **told):
        saved(*arguments, **told)
        raise KilledError

    part = begin()
    monkeypatch.setattr(loop, "save_checkpoint", killed)
    with pytest.raises(KilledError):
        stage(part, tmp_path / "b")
    assert told(part) != told(lm)
    monkeypatch.setattr(loop, "save_checkpoint", saved)
    again = begin()
    stage(again, tmp_path / "b")

    assert told(again) == told(lm)


def test_other_rows_do_not_go_on_from_a_checkpoint(lm, tmp_path):
    teach(lm, tmp_path)

    with pytest.raises(ConfigError, match="begun with data"):
        teach(lm, tmp_path, rows=rows_of(lm)[1:])


def test_without_a_row_that_fits_there_is_nothing_to_learn(lm, tmp_path):
    with pytest.raises(ConfigError, match="no row of at most 3 tokens"):
        teach(lm, tmp_path, replace(FITTING, max_tokens=3))


def test_adapters_learn_through_the_same_loop_and_a_checkpoint_of_them_resumes(lm, tmp_path):
    save_whole(lm, tmp_path / "base", lambda _: None)
    beginning = Beginning(str(tmp_path / "base"), Lora(2, ("q_proj", "v_proj"), dropout=0.0))
    adapted = beginning.load((), seed=0)
    teach(adapted, tmp_path / "a")
    assert told(adapted) != pytest.approx(told(lm), abs=1e-3)

    again = beginning.load((), seed=0)
    teach(again, tmp_path / "a")  # it is done: the checkpoint alone is loaded

    assert told(again) == told(adapted)


def test_gradient_checkpointing_learns_the_same(lm, tmp_path):
    save_whole(lm, tmp_path / "base", lambda _: None)
    kept, computed = (
        Beginning(str(tmp_path / "base"), recompute=recompute).load((), seed=0)
        for recompute in (False, True)
    )

    teach(kept, tmp_path / "a")
    teach(computed, tmp_path / "b")

    assert told(computed) == pytest.approx(told(kept), abs=1e-4)


def test_texts_are_learnt_without_prompts(lm, tmp_path):
    rows = list(packed(lm, TEXTS, tokens=8))
    before = sum(log_probabilities(lm, rows, budget=100))

    teach(lm, tmp_path, replace(FITTING, steps=20), rows=rows)

    assert sum(log_probabilities(lm, rows, budget=100)) > before + 10


def test_a_checkpoint_is_there_only_when_it_is_whole(lm, tmp_path):
    def broken(_):
        raise KilledError

    with pytest.raises(KilledError):
        save_whole(lm, tmp_path / "made", broken)
    assert not (tmp_path / "made").exists()
    save_whole(lm, tmp_path / "made", lambda draft: (draft / "note").write_text("x"))
    save_whole(lm, tmp_path / "made", lambda _: None)

    assert (tmp_path / "made" / "config.json").is_file()
    assert not (tmp_path / "made" / "note").exists()


def test_what_is_no_checkpoint_is_not_overwritten(tmp_path):
    (tmp_path / "photos").mkdir()

    with pytest.raises(ConfigError, match="is no checkpoint: name another folder"):
        check_place(tmp_path / "photos")


def test_adapters_on_random_weights_are_refused():
    with pytest.raises(ConfigError, match="weights that know something"):
        Beginning(Size(280, 1, 16, 2), Lora(2)).load(TEXTS, seed=0)


def test_another_model_may_be_the_reference(lm, tmp_path):
    """What it says is what holds back: a reference that is far off teaches otherwise."""
    reference, other = begin(), begin()
    teach(reference, tmp_path / "r", replace(FITTING, steps=20))

    prefer(lm, tmp_path / "a")
    learn_preferences(
        other,
        pairs_of(other),
        fitting=FITTING,
        beta=0.3,
        reference=reference,
        checkpoints=tmp_path / "b",
        what="y",
    )

    assert told(other) != pytest.approx(told(lm), abs=1e-4)


def test_without_a_reference_preferences_are_learnt_too(lm, tmp_path):
    before = told(lm)

    learn_preferences(
        lm,
        pairs_of(lm),
        fitting=replace(FITTING, steps=20),
        beta=1.0,
        reference_free=True,
        checkpoints=tmp_path,
        what="y",
    )

    now = told(lm)
    assert now[0] - now[1] > before[0] - before[1] + 1
    assert now[2] - now[3] > before[2] - before[3] + 1

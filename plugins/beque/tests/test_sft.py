from dataclasses import replace

import pytest

from qrmiddleware.distill.causal.generation import Decoding, respond
from qrmiddleware.distill.causal.models import load_causal
from qrmiddleware.distill.causal.rows import LEFT_OUT, collate_rows, prompt_ids
from qrmiddleware.distill.lora import Lora
from qrmiddleware.errors import ConfigError
from qrmiddleware.recipes import loop
from qrmiddleware.recipes.causal import Beginning
from qrmiddleware_beque.prompts.tasks import SHORT, load_prompts
from qrmiddleware_beque.recipes.instructions import (
    Instruction,
    InstructPlan,
    Lessons,
    instruct,
    read_instructions,
)
from qrmiddleware_beque.recipes.rewriter import asking, read_rewriter
from qrmiddleware_beque.recipes.sft import SFT, steps_of, teach, token_rows

pytestmark = pytest.mark.students


@pytest.fixture
def work(tmp_path, pairs):
    instruct(tmp_path / "work", Lessons(pairs), InstructPlan(prompts=load_prompts(SHORT)))
    return tmp_path / "work"


def weights(folder):
    lm = load_causal(str(folder))
    return {name: weight.tolist() for name, weight in lm.model.state_dict().items()}


def test_a_taught_model_rewrites_and_says_how_it_is_asked(taught, pairs):
    lm, rewriter = load_causal(str(taught / SFT)), read_rewriter(taught / SFT)
    prompts = [prompt_ids(lm, rewriter.messages(pair.query)) for pair in pairs]

    said = respond(lm, prompts, Decoding(rewriter.rewrite_tokens), budget=4000)

    right = [one.text == pair.rewrite for (one,), pair in zip(said, pairs, strict=True)]
    assert sum(right) >= 0.9 * len(right)
    assert (rewriter.prompts.version, rewriter.seen_folds) == (SHORT, (0,))
    (stage,) = rewriter.stages
    assert (stage.command, stage.base, stage.teacher) == ("qrm beque sft", "scratch", "people")
    assert stage.settings["instructions"]["quality"] == 30


def test_it_tells_rewrites_that_keep_the_meaning_from_others(taught):
    lm = load_causal(str(taught / SFT))
    asked = [each for each in read_instructions(taught) if each.task == "quality"]
    prompts = [prompt_ids(lm, asking(each.prompt)) for each in asked]

    said = respond(lm, prompts, Decoding(4), budget=4000)

    assert {one.text for (one,) in said} <= {"yes", "no"}


def test_nothing_of_a_prompt_is_learnt(taught, sft_plan):
    lm = load_causal(str(taught / SFT))
    told = read_instructions(taught)[:8]

    rows = token_rows(lm, told, sft_plan)

    labels = collate_rows(rows, pad=lm.pad)["labels"]
    for each, row, own in zip(told, rows, labels, strict=True):
        learnt = [token for token in own.tolist() if token != LEFT_OUT]
        assert own[: row.prompt].eq(LEFT_OUT).all()
        assert lm.tokenizer.decode(learnt[:-1]) == each.answer
        assert learnt[-1] == lm.end


def test_prompts_that_are_too_long_for_their_task_are_left_out(taught, sft_plan):
    lm = load_causal(str(taught / SFT))
    long = "rewrite: " + "red telly " * 40

    def kept(task, **told):
        one = Instruction(task=task, query="q", prompt=long, answer="x")
        plan = replace(sft_plan, fitting=replace(sft_plan.fitting, max_tokens=600), **told)
        return token_rows(lm, [one], plan)[0] is not None

    assert not kept("rewrite")
    assert kept("title")
    assert not kept("title", other_prompt_tokens=20)
    assert kept("rewrite", rewrite_prompt_tokens=200)


def test_epochs_become_steps():
    assert steps_of(100, 1.0, 16) == 7
    assert steps_of(100, 0.5, 16) == 4
    assert steps_of(1, 1.0, 16) == 2


def test_a_killed_run_goes_on_to_the_same_weights(work, sft_plan, tmp_path, monkeypatch):
    plan = replace(sft_plan, epochs=2)
    monkeypatch.setattr(loop, "SAVE_EVERY", 2)
    assert teach(work, plan, tmp_path / "whole").steps == 6
    saved = loop.save_checkpoint

    def killed(*arguments, **told):
        saved(*arguments, **told)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(loop, "save_checkpoint", killed)
        with pytest.raises(KeyboardInterrupt):
            teach(work, plan, tmp_path / "killed")
    assert not (tmp_path / "killed").exists()
    teach(work, plan, tmp_path / "killed")

    assert weights(tmp_path / "killed") == weights(tmp_path / "whole")


def test_it_says_what_to_do_where_it_cannot_begin(work, sft_plan, tmp_path):
    with pytest.raises(ConfigError, match="run `qrm beque instruct` first"):
        teach(tmp_path / "none", sft_plan, tmp_path / "x")
    with pytest.raises(ConfigError, match="of 30 rewrites none is short enough"):
        teach(work, replace(sft_plan, rewrite_prompt_tokens=2), tmp_path / "x")


def test_an_adapter_begins_where_the_base_ends(taught, sft_plan, tmp_path):
    beginning = Beginning(str(taught / SFT), Lora(4))

    teach(taught, replace(sft_plan, beginning=beginning, epochs=1), tmp_path / "lora")

    assert read_rewriter(tmp_path / "lora").stages[0].settings["beginning"]["lora"]["rank"] == 4
    assert weights(tmp_path / "lora") != weights(taught / SFT)

from dataclasses import replace
from math import exp
from operator import sub
from statistics import fmean

import pytest

from qrmiddleware.distill.causal.models import load_causal
from qrmiddleware.distill.causal.scoring import log_probabilities
from qrmiddleware.distill.rewriting.row_files import write_rows
from qrmiddleware.distill.rewriting.rows import Feedback, RewritePair, Valued
from qrmiddleware.errors import ConfigError
from qrmiddleware.recipes import loop
from qrmiddleware.recipes.causal import Beginning, CausalFitting, learn_rows
from qrmiddleware_beque.recipes.align import AlignPlan, align
from qrmiddleware_beque.recipes.instructions import InstructPlan, Lessons, instruct
from qrmiddleware_beque.recipes.rewards import Aim
from qrmiddleware_beque.recipes.rewriter import read_rewriter
from qrmiddleware_beque.recipes.sft import SFT

pytestmark = pytest.mark.students


@pytest.fixture
def feedback(tmp_path, pairs):
    """An engine that finds nothing new by what was taught, and much by ``… deal``."""
    rows = [
        Feedback(
            query=pair.query,
            candidates=(
                Valued(text=pair.rewrite, increment=0.0, relevance=1.0),
                Valued(text=f"{pair.query} new", increment=1.0, relevance=0.5),
                Valued(text=f"{pair.rewrite} new", increment=2.0, relevance=0.2),
            ),
            by="engine",
        )
        for pair in pairs
    ]
    write_rows(tmp_path / "feedback.jsonl", rows)
    return rows


@pytest.fixture
def plan(taught, tmp_path, feedback):
    return AlignPlan(
        Beginning(str(taught / SFT)),
        CausalFitting(0, 2e-3, rows=10, at_once=5, max_tokens=64),
        tmp_path / "feedback.jsonl",
        epochs=4.0,
    )


def likely(folder, texts):
    """How likely a checkpoint holds rewrites of queries: means over their tokens."""
    lm, rewriter = load_causal(str(folder)), read_rewriter(folder)
    rows = [rewriter.row(lm, *each) for each in texts]
    return log_probabilities(lm, rows, budget=4000, normalised=True)


def weights(folder):
    lm = load_causal(str(folder))
    return {name: weight.tolist() for name, weight in lm.model.state_dict().items()}


def margins(folder, feedback):
    """By how much likelier a checkpoint holds what finds more than what was taught, on average."""
    taught, found = (
        likely(folder, [(row.query, row.candidates[n].text) for row in feedback]) for n in (0, 2)
    )
    return fmean(map(sub, found, taught))


def test_what_finds_more_becomes_likelier_than_what_finds_less(taught, plan, feedback, tmp_path):
    made = align(tmp_path, replace(plan, epochs=10), tmp_path / "aligned")

    assert (len(made.ordering.lists), made.gold, made.steps) == (30, 0, 30)
    assert margins(tmp_path / "aligned", feedback) > 0 > margins(taught / SFT, feedback)


def test_the_other_objective_goes_the_other_way(taught, plan, feedback, tmp_path):
    align(tmp_path, replace(plan, aim=Aim("rele"), weight=5.0), tmp_path / "aligned")

    assert margins(tmp_path / "aligned", feedback) < margins(taught / SFT, feedback) - 1


def test_a_checkpoint_says_what_it_was_aligned_by(plan, tmp_path):
    align(tmp_path, replace(plan, epochs=1), tmp_path / "aligned")

    rewriter = read_rewriter(tmp_path / "aligned")

    assert [stage.command for stage in rewriter.stages] == ["qrm beque sft", "qrm beque align"]
    last = rewriter.stages[-1]
    assert (last.teacher, list(last.data)) == ("engine", ["feedback.jsonl"])
    assert last.settings["aim"]["objective"] == "incr"
    assert rewriter.seen_folds == (0,)


def test_without_the_ranking_it_is_fine_tuning_on_the_best(taught, plan, feedback, tmp_path):
    plan = replace(plan, weight=0.0)
    steps = align(tmp_path, plan, tmp_path / "aligned").steps
    lm, rewriter = load_causal(str(taught / SFT)), read_rewriter(taught / SFT)
    rows = [rewriter.row(lm, row.query, row.candidates[2].text) for row in feedback]
    learn_rows(
        lm,
        rows,
        fitting=replace(plan.fitting, steps=steps),
        checkpoints=tmp_path / "plain",
        what="x",
    )

    plain = {name: weight.tolist() for name, weight in lm.model.state_dict().items()}
    assert weights(tmp_path / "aligned") == plain


@pytest.mark.parametrize("weight", [0.1, 1.0])
def test_gold_rewrites_stay_as_likely_as_they_were(taught, plan, pairs, tmp_path, weight):
    """Aligned against them: the ranking holds them the worst, and the targets hold them."""
    write_rows(tmp_path / "gold.jsonl", pairs)
    plan = replace(plan, gold=tmp_path / "gold.jsonl", weight=weight)

    made = align(tmp_path, plan, tmp_path / "aligned")

    gold = [(pair.query, pair.rewrite) for pair in pairs]
    before, after = (
        exp(-sum(likely(folder, gold)) / len(gold))
        for folder in (taught / SFT, tmp_path / "aligned")
    )
    assert made.gold == 30
    assert after < 2 * before


def test_gold_of_other_splits_is_not_learnt(plan, pairs, tmp_path):
    gold = [RewritePair(query=pairs[0].query.upper(), rewrite="x")]
    gold += [RewritePair(query=pair.query, rewrite="x", split="test") for pair in pairs[1:]]
    write_rows(tmp_path / "gold.jsonl", gold)

    made = align(
        tmp_path, replace(plan, gold=tmp_path / "gold.jsonl", epochs=0.1), tmp_path / "aligned"
    )

    assert made.gold == 1


def test_a_killed_run_goes_on_to_the_same_weights(plan, tmp_path, monkeypatch):
    plan = replace(plan, epochs=2.0)
    monkeypatch.setattr(loop, "SAVE_EVERY", 2)
    align(tmp_path, plan, tmp_path / "whole")
    saved = loop.save_checkpoint

    def killed(*arguments, **told):
        saved(*arguments, **told)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(loop, "save_checkpoint", killed)
        with pytest.raises(KeyboardInterrupt):
            align(tmp_path, plan, tmp_path / "killed")
    align(tmp_path, plan, tmp_path / "killed")

    assert weights(tmp_path / "killed") == weights(tmp_path / "whole")


def test_it_says_what_to_do_where_it_cannot_begin(plan, feedback, tmp_path):
    with pytest.raises(ConfigError, match="`qrm feedback` asks an engine"):
        align(tmp_path, replace(plan, feedback=tmp_path / "none.jsonl"), tmp_path / "x")
    write_rows(tmp_path / "feedback.jsonl", [replace_candidates(row) for row in feedback])
    with pytest.raises(ConfigError, match="30 have fewer than two candidates that count"):
        align(tmp_path, plan, tmp_path / "x")


def replace_candidates(row):
    return Feedback(query=row.query, candidates=row.candidates[:1], by=row.by)


def test_feedback_on_a_held_out_query_is_an_error(plan, pairs, tmp_path):
    kept_out = RewritePair(query=pairs[0].query, rewrite="x", split="test")
    instruct(tmp_path, Lessons([*pairs[1:], kept_out]), InstructPlan())

    with pytest.raises(ConfigError, match="1 training queries are in a held-out fold: 'red telly'"):
        align(tmp_path, plan, tmp_path / "x")


def test_feedback_of_two_engines_teaches_nothing(plan, feedback, tmp_path):
    other = Feedback(query="q", candidates=(), by="another")
    write_rows(tmp_path / "feedback.jsonl", [*feedback, other])

    with pytest.raises(ConfigError, match="are not comparable"):
        align(tmp_path, plan, tmp_path / "x")

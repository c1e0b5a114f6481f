"""All stages, as small as can be: from pairs of queries to a generator that rewrites."""

from contextlib import closing

import pytest

from qrmiddleware.distill.causal.generation import Decoding
from qrmiddleware.distill.causal.models import Size, tiny_causal
from qrmiddleware.distill.rewriting.rewrite_form import (
    RewriteForm,
    read_rewrite_form,
    write_rewrite_form,
)
from qrmiddleware.distill.rewriting.rows import RewritePair
from qrmiddleware.recipes.causal import Beginning, CausalFitting
from qrmiddleware.students.generator import Generator
from qrmiddleware.students.settings import RuntimeSettings
from qrmiddleware_rl_qr.recipes.distilling import DistillPlan, distill
from qrmiddleware_rl_qr.recipes.online import World, learn_online
from qrmiddleware_rl_qr.recipes.pairs import (
    PAIRS,
    PairPlan,
    gather_pairs,
    of_split,
    read_pairs,
    write_pairs,
)
from qrmiddleware_rl_qr.recipes.rewards import Rewarder, Weights
from qrmiddleware_rl_qr.recipes.tuning import TEACHER, teach_rewriting
from qrmiddleware_rl_qr.recipes.updating import OnlinePlan
from qrmiddleware_rl_qr.recipes.versions import newest_chosen, student_folder

ONE_THREAD = RuntimeSettings(inter_threads=1, intra_threads=1)


@pytest.mark.students
@pytest.mark.timeout(300)
def test_from_pairs_to_a_generator_that_learnt_online(shop, tmp_path):
    work = tmp_path / "work"
    gathered = gather_pairs([shop.write_queries(tmp_path / "queries.jsonl")], work, PairPlan())
    pairs = of_split(read_pairs(work / PAIRS), "train")
    teach_rewriting(
        pairs,
        work,
        work / TEACHER,
        fitting=CausalFitting(120, 1e-2, at_once=16),
        beginning=Beginning(Size(320, 1, 48, 2)),
        what="teacher",
    )
    plan = DistillPlan(
        Beginning(Size(320, 1, 32, 2)),
        CausalFitting(80, 1e-2, at_once=16),
        CausalFitting(10, 1e-3, at_once=16),
        teacher=work / TEACHER,
        decoding=Decoding(8, 1.0),
        teaching=Decoding(8, 0.7, samples=2),
    )
    distilled = distill(work, plan, work / "distilled")
    online = OnlinePlan(
        CausalFitting(5, 1e-3, rows=8, at_once=8),
        work / "distilled",
        queries=24,
        decoding=Decoding(8, 1.0, samples=6),
        tolerance=1.0,
    )
    rewarder = Rewarder(shop.search, shop, Weights(feedback=0.0))
    guard = [pair.query for pair in read_pairs(work / PAIRS) if pair.split == "test"]
    world = World(lambda: [pair.query for pair in pairs], guard, rewarder)
    versions = learn_online(work, online, world, rounds=2)

    assert gathered.splits["train"] > gathered.splits["test"] > 0
    assert distilled.parameters < distilled.teacher_parameters
    assert [each.number for each in versions] == [0, 1, 2]
    assert versions[0].chosen
    assert all(each.pairs for each in versions[1:])
    with closing(
        Generator.open(student_folder(work, newest_chosen(versions)), ONE_THREAD)
    ) as student:
        assert student.manifest.provenance.recipe == "rl_qr"
        assert student.generate("red couch")


@pytest.mark.students
def test_a_student_reads_as_long_queries_as_its_teacher(tmp_path):
    lm = tiny_causal(["red sofa", "red couch"] * 3, Size(300, 1, 16, 2))
    lm.save(tmp_path / TEACHER)
    write_rewrite_form(tmp_path / TEACHER, RewriteForm("{query} ->", 50, 90))
    pair = RewritePair(query="red sofa", rewrite="red couch", split="train")
    write_pairs(tmp_path / PAIRS, [pair])
    write_pairs(tmp_path / "told.jsonl", [pair])
    plan = DistillPlan(
        Beginning(Size(300, 1, 8, 1)),
        CausalFitting(2, 1e-3),
        CausalFitting(2, 1e-3),
        teacher=tmp_path / TEACHER,
        rewrites=tmp_path / "told.jsonl",
        decoding=Decoding(4, 1.0),
    )

    distill(tmp_path, plan, tmp_path / "distilled")

    form = read_rewrite_form(str(tmp_path / "distilled"))
    assert (form.max_query_tokens, form.max_tokens) == (50, 128)

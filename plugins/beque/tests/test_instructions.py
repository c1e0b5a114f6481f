from dataclasses import replace

import pytest

from qrmiddleware.distill.rewriting.rows import RewritePair
from qrmiddleware.errors import ConfigError
from qrmiddleware_beque.prompts.tasks import SHORT, load_prompts
from qrmiddleware_beque.recipes.instructions import (
    INSTRUCTIONS,
    Amounts,
    InstructPlan,
    JudgedRewrite,
    Lessons,
    Title,
    held_out_of,
    instruct,
    mixed,
    read_instructed,
    read_instructions,
)

PLAN = InstructPlan(prompts=load_prompts(SHORT))
LESSONS = Lessons(
    [
        RewritePair(query="fridge", rewrite=" refrigerator\n", source="people"),
        RewritePair(
            query="telly", rewrite="television", source="llm", reason="Telly is a word for it."
        ),
        RewritePair(query="cooker", rewrite="stove", split="test"),
    ],
    [JudgedRewrite(query="fridge", rewrite="freezer", good=False)],
    [Title(query="fridge", title="Acme refrigerator 200 l")],
    held_out=("hoover",),
    seen_folds=(0, 1),
)
GOLDEN = [
    (
        '{"task":"reasoned","query":"telly","prompt":"why: telly",'
        '"answer":"Telly is a word for it.\\nrewrite: television"}'
    ),
    '{"task":"rewrite","query":"fridge","prompt":"rewrite: fridge","answer":"refrigerator"}',
    '{"task":"quality","query":"fridge","prompt":"same: fridge\\nas: freezer","answer":"no"}',
    '{"task":"rewrite","query":"telly","prompt":"rewrite: telly","answer":"television"}',
    '{"task":"title","query":"fridge","prompt":"title: fridge","answer":"Acme refrigerator 200 l"}',
]


def test_all_tasks_are_written_as_the_golden_file_has_them(tmp_path):
    made = instruct(tmp_path, LESSONS, PLAN)

    assert (tmp_path / INSTRUCTIONS).read_text().splitlines() == GOLDEN
    assert made.counts == {"rewrite": 2, "quality": 1, "title": 1, "reasoned": 1}
    assert (made.sources, made.seen_folds, made.held_out) == (
        ("llm", "people"),
        (0, 1),
        ("hoover", "cooker"),
    )
    assert read_instructed(tmp_path) == made
    assert len(made.data[INSTRUCTIONS]) == 64
    assert held_out_of(tmp_path) == made.held_out
    assert held_out_of(tmp_path / "none") == ()


def many(count):
    words = [f"word{n}" for n in range(count)]
    return Lessons(
        [RewritePair(query=word, rewrite=f"{word} x", reason="so") for word in words],
        [JudgedRewrite(query=word, rewrite="y", good=True) for word in words],
        [Title(query=word, title=f"title of {word}") for word in words],
    )


def test_amounts_are_exact_and_tasks_are_mixed():
    plan = replace(PLAN, amounts=Amounts(200, 100, 50, 0))

    found = [each.task for each in mixed(many(300).pairs, many(300), plan)]

    counts = {task: found.count(task) for task in ("rewrite", "quality", "title", "reasoned")}
    assert counts == {"rewrite": 200, "quality": 100, "title": 50, "reasoned": 0}
    assert abs(found[:175].count("rewrite") - 100) < 25


def test_seeds_choose_and_mix_and_repeat():
    def made(seed):
        plan = replace(PLAN, amounts=Amounts(20, 20, 20, 20), seed=seed)
        return mixed(many(60).pairs, many(60), plan)

    assert made(1) == made(1)
    assert {each.query for each in made(1)} != {each.query for each in made(2)}


def test_a_task_is_no_other_for_the_amounts_of_the_others():
    few = replace(PLAN, amounts=Amounts(20, 5, 5, 5))
    more = replace(PLAN, amounts=Amounts(20, 50, 5, 5))
    lessons = many(60)

    def rewrites(plan):
        return {
            each.query for each in mixed(lessons.pairs, lessons, plan) if each.task == "rewrite"
        }

    assert rewrites(few) == rewrites(more)


def test_repeats_and_what_says_nothing_are_left_out(tmp_path):
    pair = RewritePair(query="fridge", rewrite="refrigerator")
    pairs = [pair, pair, RewritePair(query="tv", rewrite=" "), RewritePair(query=" ", rewrite="x")]

    instruct(tmp_path, Lessons(pairs), PLAN)

    assert [each.query for each in read_instructions(tmp_path)] == ["fridge"]


@pytest.mark.parametrize(
    "leak",
    [
        {"pairs": [*LESSONS.pairs, RewritePair(query="Hoover", rewrite="vacuum cleaner")]},
        {"pairs": [*LESSONS.pairs, RewritePair(query="Cooker!", rewrite="oven")]},
        {"verdicts": [JudgedRewrite(query="hoover", rewrite="x", good=True)]},
        {"titles": [Title(query="hoover", title="x")]},
    ],
)
def test_a_held_out_query_among_what_is_learnt_is_an_error(tmp_path, leak):
    with pytest.raises(ConfigError, match="1 training queries are in a held-out fold"):
        instruct(tmp_path, replace(LESSONS, **leak), PLAN)
    assert not (tmp_path / INSTRUCTIONS).exists()


def test_pairs_that_are_all_for_other_uses_are_refused(tmp_path):
    with pytest.raises(ConfigError, match="of 1 pairs none is for training"):
        instruct(tmp_path, replace(LESSONS, pairs=LESSONS.pairs[2:]), PLAN)


def test_a_folder_without_instructions_says_what_comes_first(tmp_path):
    with pytest.raises(ConfigError, match="run `qrm beque instruct` first"):
        read_instructed(tmp_path)

"""Does a student learn to rewrite? Tiny language models on a made-up shop, three seeds averaged."""

from statistics import fmean

import pytest

from qrmiddleware.distill.causal.generation import Decoding
from qrmiddleware.distill.causal.models import Size
from qrmiddleware.recipes.causal import Beginning, CausalFitting
from qrmiddleware_rl_qr.recipes.distilling import DistillPlan, distill
from qrmiddleware_rl_qr.recipes.online import World, greedy_rewrites, learn_online
from qrmiddleware_rl_qr.recipes.pairs import PAIRS, PairPlan, gather_pairs, of_split, read_pairs
from qrmiddleware_rl_qr.recipes.rewards import Rewarder, Weights, mean_reward
from qrmiddleware_rl_qr.recipes.tuning import TEACHER, teach_rewriting
from qrmiddleware_rl_qr.recipes.updating import OnlinePlan
from qrmiddleware_rl_qr.recipes.versions import newest_chosen

pytestmark = [pytest.mark.students, pytest.mark.slow, pytest.mark.timeout(1800)]

SEEDS = (0, 1, 2)
SIZE = Size(320, 1, 48, 2)
TOKENS = 8
STEPS = 150
COLOURS = (
    *("red", "blue", "green", "black", "white", "pink"),
    *("grey", "brown", "gold", "teal", "lime", "navy"),
)


def taught(work, shop, seed, *, steps):
    """Gather pairs, and teach a teacher on them; returns the splits' queries."""
    gather_pairs([shop.write_queries(work.parent / f"{work.name}.jsonl")], work, PairPlan())
    pairs = read_pairs(work / PAIRS)
    teach_rewriting(
        of_split(pairs, "train"),
        work,
        work / TEACHER,
        fitting=CausalFitting(steps, 1e-2, at_once=16, seed=seed),
        beginning=Beginning(SIZE),
        what="teacher",
    )
    return {
        split: list(dict.fromkeys(pair.query for pair in of_split(pairs, split)))
        for split in ("train", "valid", "test")
    }


def test_on_policy_learning_brings_a_student_nearer_to_its_teacher(make_shop, tmp_path):
    """On held-out queries, beside what the warm-up alone had reached."""
    nearer, likelier = [], []
    for seed in SEEDS:
        work = tmp_path / str(seed)
        taught(work, make_shop(COLOURS), seed, steps=STEPS)
        plan = DistillPlan(
            Beginning(Size(320, 1, 32, 2)),
            CausalFitting(80, 1e-2, at_once=16, seed=seed),
            CausalFitting(50, 2e-3, at_once=16, seed=seed),
            teacher=work / TEACHER,
            decoding=Decoding(TOKENS, 1.0, samples=4, seed=seed),
            teaching=Decoding(TOKENS, 1.0, samples=2),
        )
        made = distill(work, plan, work / "distilled")
        nearer.append(made.warmed.reverse_kl - made.distilled.reverse_kl)
        told = (each.teacher_log_probability for each in (made.distilled, made.warmed))
        likelier.append(next(told) - next(told))

    assert fmean(nearer) > 0.05, nearer
    assert fmean(likelier) > 0.1, likelier


def rewarder_of(shop):
    return Rewarder(shop.search, shop, Weights(feedback=0.0))


def worth(checkpoint, queries, shop):
    """Return what greedy rewrites are worth on average."""
    proposed = greedy_rewrites(checkpoint, queries, most_tokens=TOKENS)
    return mean_reward(rewarder_of(shop).reward(proposed)[0])


def asked_by_shoppers(queries, shop):
    """Leave out queries in the catalogue's own words: no rewrite finds more for them."""
    return [query for query in queries if not set(query.split()) & set(shop.names.values())]


def begun(work, make_shop, seed):
    """Gather pairs and teach a student all of them; returns the shop, and queries by split."""
    shop = make_shop(COLOURS)
    queries = taught(work, shop, seed, steps=STEPS)
    return shop, queries


def learn(work, shop, queries, seed, *, rounds, **told):
    plan = OnlinePlan(
        CausalFitting(12, 1e-3, rows=16, at_once=16, seed=seed),
        work / TEACHER,
        queries=40,
        decoding=Decoding(TOKENS, 1.0, samples=8, seed=seed),
        tolerance=0.03,
        **told,
    )
    world = World(
        lambda: asked_by_shoppers(queries["train"], shop),
        asked_by_shoppers(queries["valid"], shop),
        rewarder_of(shop),
    )
    versions = learn_online(work, plan, world, rounds=rounds)
    return work / "online" / newest_chosen(versions).name / "checkpoint"


@pytest.mark.parametrize("algorithm", ["dpo", "grpo"])
def test_learning_online_raises_the_reward_on_queries_it_never_saw(make_shop, tmp_path, algorithm):
    gains = []
    for seed in SEEDS:
        work = tmp_path / str(seed)
        shop, queries = begun(work, make_shop, seed)
        held = asked_by_shoppers(queries["test"], shop)
        before = worth(work / TEACHER, held, shop)

        after = worth(learn(work, shop, queries, seed, rounds=4, algorithm=algorithm), held, shop)
        gains.append(after - before)

    assert fmean(gains) > 0.05, gains


def test_a_policy_catches_up_with_new_words_and_a_frozen_student_does_not(make_shop, tmp_path):
    """Half-way the shop's products are replaced by others, with the shoppers' second words."""
    gains, lost = [], []
    for seed in SEEDS:
        work = tmp_path / str(seed)
        shop, queries = begun(work, make_shop, seed)
        frozen = learn(work, shop, queries, seed, rounds=4)
        old = asked_by_shoppers(queries["test"], shop)
        then = worth(frozen, old, shop)
        shop.rename()
        held = asked_by_shoppers(queries["test"], shop)
        stale = worth(frozen, held, shop)

        adapted = worth(learn(work, shop, queries, seed, rounds=6), held, shop)
        gains.append(adapted - stale)
        lost.append(then - stale)

    assert fmean(lost) > 0, lost
    assert fmean(gains) > 0.05, gains

"""Does an engine's feedback teach what finds more? A shop of our own words, three seeds averaged.

Every thing is called one thing by users, and three others in titles. By the first name few products
are found, all of them relevant; by the second many, some of them of another kind; by the third
what users bought elsewhere. A generator that learnt all three is aligned by each objective.
"""

from itertools import product
from statistics import fmean

import pytest

from qrmiddleware.distill.causal.generation import Decoding, respond
from qrmiddleware.distill.causal.models import Size, load_causal
from qrmiddleware.distill.causal.rows import prompt_ids
from qrmiddleware.distill.chance import dice, shuffled
from qrmiddleware.distill.rewriting.row_files import read_rows, write_rows
from qrmiddleware.distill.rewriting.rows import CandidateSet, Feedback, RewritePair, Valued
from qrmiddleware.evaluation.rewriting import hit_rate, increment, relevance_share
from qrmiddleware.recipes.causal import Beginning, CausalFitting
from qrmiddleware_beque.prompts.tasks import SHORT, load_prompts
from qrmiddleware_beque.recipes.align import AlignPlan, align
from qrmiddleware_beque.recipes.candidates import Proposing, propose_all, proposer_in
from qrmiddleware_beque.recipes.instructions import InstructPlan, Lessons, instruct
from qrmiddleware_beque.recipes.rewards import Aim
from qrmiddleware_beque.recipes.rewriter import read_rewriter
from qrmiddleware_beque.recipes.sft import SFT, SftPlan, teach

pytestmark = [pytest.mark.students, pytest.mark.slow, pytest.mark.timeout(1800)]

NAMES = {
    "telly": ("television", "screen", "monitor"),
    "couch": ("sofa", "lounge", "settee"),
    "hoover": ("vacuum", "cleaner", "sweeper"),
    "cooker": ("stove", "oven", "range"),
}
LOOKS = ("red", "blue", "green", "grey", "pink", "black", "white", "brown")
SEEDS = (0, 1, 2)
OBJECTIVES = ("rele", "incr", "hitrate")
HELD_OUT = 8


class Shop:
    """Titles in an inverted index, where all words of a search have to stand in a title."""

    def __init__(self):
        self.index, self.relevant, self.elsewhere = {}, {}, {}
        for look, (said, (few, many, other)) in product(LOOKS, NAMES.items()):
            query = f"{look} {said}"
            own = [
                *self._add(look, few, 2),
                *self._add(look, many, 6)[:4],
                *self._add(look, other, 2)[:1],
            ]
            self.relevant[query] = frozenset(own)
            self.elsewhere[query] = frozenset(own[-1:])

    def _add(self, look, name, count):
        made = [f"{look} {name} {n}" for n in range(count)]
        for title in made:
            for word in title.split():
                self.index.setdefault(word, set()).add(title)
        return made

    def search(self, text):
        found = [self.index.get(word, set()) for word in text.split()]
        return frozenset(set.intersection(*found)) if found else frozenset()

    def value(self, query, text, **told):
        before, found = self.search(query), self.search(text)
        return Valued(
            text=text,
            relevance=relevance_share(found, self.relevant[query]),
            increment=increment(before, found, self.relevant[query]),
            hit_rate=hit_rate(before, found, self.elsewhere[query], self.relevant[query]),
            **told,
        )


def run(shop, work, seed):
    """Train a generator and align it by each objective; return what its draws are worth."""
    queries = shuffled(shop.relevant, dice(seed, "split"))
    held_out, training = queries[:HELD_OUT], queries[HELD_OUT:]
    pairs = [
        RewritePair(query=query, rewrite=f"{query.split()[0]} {name}")
        for query in training
        for name in NAMES[query.split()[1]]
    ]
    instruct(work, Lessons(pairs), InstructPlan(prompts=load_prompts(SHORT), seed=seed))
    fitting = CausalFitting(0, 5e-3, rows=12, at_once=12, max_tokens=64, seed=seed)
    teach(work, SftPlan(Beginning(Size(340, 2, 48, 2)), fitting, epochs=60), work / SFT)
    with proposer_in(work / SFT, Proposing(4, temperature=1.0, seed=seed)) as proposer:
        propose_all(proposer, training, work / "candidates.jsonl", count=4)
    rows = [
        Feedback(
            query=each.query,
            candidates=tuple(
                shop.value(each.query, one.text, log_probability=one.log_probability)
                for one in each.candidates
            ),
        )
        for each in read_rows(work / "candidates.jsonl", CandidateSet)
    ]
    write_rows(work / "feedback.jsonl", rows)
    found = {"sft": drawn(shop, work / SFT, held_out, seed)}
    for objective in OBJECTIVES:
        plan = AlignPlan(
            Beginning(str(work / SFT)),
            CausalFitting(0, 1e-3, rows=8, at_once=8, max_tokens=64, seed=seed),
            work / "feedback.jsonl",
            Aim(objective),
            epochs=8.0,
        )
        align(work, plan, work / objective)
        found[objective] = drawn(shop, work / objective, held_out, seed)
    return found


def drawn(shop, folder, queries, seed):
    lm, rewriter = load_causal(str(folder)), read_rewriter(folder)
    prompts = [prompt_ids(lm, rewriter.messages(query)) for query in queries]
    told = respond(lm, prompts, Decoding(16, 1.0, samples=16, seed=seed), budget=8000)
    values = [
        shop.value(query, each.text)
        for query, group in zip(queries, told, strict=True)
        for each in group
    ]
    return {
        "rele": fmean(each.relevance for each in values),
        "incr": fmean(each.increment for each in values),
        "hitrate": fmean(each.hit_rate for each in values),
    }


@pytest.fixture(scope="module")
def worth(tmp_path_factory):
    """Means over seeds: by model, then by measure; of queries that nothing was learnt of."""
    pytest.importorskip("torch").set_num_threads(1)
    shop = Shop()
    runs = [run(shop, tmp_path_factory.mktemp(f"seed{seed}"), seed) for seed in SEEDS]
    return {
        model: {name: fmean(each[model][name] for each in runs) for name in runs[0][model]}
        for model in runs[0]
    }


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_alignment_raises_what_it_aims_at_on_queries_it_never_saw(worth, objective):
    assert worth[objective][objective] > 1.1 * worth["sft"][objective]


@pytest.mark.parametrize("measure", OBJECTIVES)
def test_no_other_objective_moves_a_measure_as_much(worth, measure):
    assert max(OBJECTIVES, key=lambda objective: worth[objective][measure]) == measure

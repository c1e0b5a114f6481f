"""Does distillation help? Tiny students on a made-up shop, three seeds averaged.

What is asserted holds at this scale: more lists that the teacher labelled help, and margins on
top of them beat the same few labels alone. That margins beat soft labels is not asserted: from
random weights, after a few hundred steps, they need not.
"""

from itertools import islice, product
from statistics import fmean

import pytest

from qrmiddleware.distill import losses
from qrmiddleware.distill.batching import encode_pairs, in_lists, pair_logits
from qrmiddleware.distill.chance import dice, sampled, shuffled
from qrmiddleware.distill.lists import Candidate, QueryList, Sampling, batches
from qrmiddleware.distill.losses import Scale
from qrmiddleware.distill.measures import pairwise_accuracy
from qrmiddleware.distill.modelling import tiny_encoder
from qrmiddleware.distill.training import adamw, learn, linear_schedule, seed_everything

pytestmark = [pytest.mark.students, pytest.mark.slow, pytest.mark.timeout(900)]

KINDS = (("lamp", "light"), ("sofa", "couch"), ("kettle", "boiler"), ("tent", "shelter"))
COLOURS = ("red", "blue", "green")
TITLES = [
    f"{brand} {colour} {kind} {size}"
    for (kind, _), colour, brand, size in product(
        KINDS, COLOURS, ("acme", "borea"), ("mini", "maxi")
    )
]
QUERIES = [
    f"{colour} {word}".strip() for kind in KINDS for word, colour in product(kind, ("", *COLOURS))
]
HELD_OUT = 10
FEW = 5
SIZES = (FEW, 10, len(QUERIES) - HELD_OUT)
STEPS = 200
SEEDS = (0, 1, 2)


def relevance(query, title):
    """1 for the thing asked for, .5 for it in another colour."""
    *colour, word = query.split()
    kind = next(kind for kind in KINDS if word in kind)
    if kind[0] not in title.split():
        return 0.0
    return 1.0 if set(colour) <= set(title.split()) else 0.5


def labels(query, title, rng):
    return relevance(query, title)


def teacher(query, title, rng):
    """Logits of a good teacher, on a scale and with a shift of its own, and unsure."""
    return 6 * relevance(query, title) - 3 + (rng.random() - 0.5)


def lists_of(queries, answer, *, seed):
    lists = []
    for query in queries:
        rng = dice(seed, query)
        good = [title for title in TITLES if relevance(query, title)]
        titles = dict.fromkeys(sampled(shuffled(good, rng), 4, rng) + sampled(TITLES, 4, rng))
        candidates = tuple(Candidate(title, answer(query, title, rng)) for title in titles)
        lists.append(QueryList(query, candidates))
    return lists


def untrained(seed):
    return tiny_encoder(
        [*TITLES, *QUERIES], vocabulary=150, layers=2, hidden=32, heads=2, seed=seed
    )


def train(encoder, lists, loss, *, seed, steps=STEPS, rate=4e-3):
    torch, accelerate = pytest.importorskip("torch"), pytest.importorskip("accelerate")
    seed_everything(seed)
    accelerator, model = accelerate.Accelerator(cpu=True), encoder.model.train()
    optimizer = adamw(model, rate=rate)
    schedule = linear_schedule(optimizer, warmup_steps=steps // 10, steps=steps)
    sampling = Sampling(queries=8, hits=8, seed=seed)
    for batch, _ in islice(batches(lists, sampling), steps):
        logits = logits_of(encoder, [(i.query, [c.doc_id for c in i.candidates]) for i in batch])
        sizes = [len(item.candidates) for item in batch]
        targets = torch.tensor([c.target for item in batch for c in item.candidates])
        student, mask = in_lists(logits, sizes)
        value = loss(student, in_lists(targets, sizes)[0], mask)
        learn(value, accelerator=accelerator, model=model, optimizer=optimizer, schedule=schedule)
    return encoder


def logits_of(encoder, lists):
    rows = [
        row
        for query, titles in lists
        for row in encode_pairs(encoder.tokenizer, query, titles, max_query_tokens=6, max_tokens=24)
    ]
    return pair_logits(encoder.model, rows, pad=0, budget=10_000)[:, 0]


def accuracy(encoder, queries):
    import torch

    encoder.model.eval()
    with torch.no_grad():
        scores = logits_of(encoder, [(query, TITLES) for query in queries])
    rows = scores.view(len(queries), -1).tolist()
    wanted = [[relevance(query, title) for title in TITLES] for query in queries]
    return pairwise_accuracy(zip(rows, wanted, strict=True))


def hard(student, targets, mask):
    return losses.hard_bce(student, targets, mask=mask)


def soft(student, targets, mask):
    return losses.soft_bce(student, targets.sigmoid(), mask=mask)


@pytest.fixture(scope="module")
def measured():
    """Pairwise accuracy on held-out queries, by seed and way of training."""
    torch = pytest.importorskip("torch")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # sums in one order, whatever the machine
    try:
        return [one_run(seed) for seed in SEEDS]
    finally:
        torch.set_num_threads(threads)


def one_run(seed):
    order = shuffled(QUERIES, dice(seed))
    test, rest = order[:HELD_OUT], order[HELD_OUT:]
    alone = train(untrained(seed), lists_of(rest[:FEW], labels, seed=seed), hard, seed=seed)
    found = {"hard": accuracy(alone, test)}
    lists = lists_of(rest, teacher, seed=seed)
    scale = Scale.measured([c.target for item in lists for c in item.candidates])

    def margins(student, targets, mask):
        return losses.margin_mse(student, targets, mask=mask, scale=scale)

    for size in SIZES:
        student = train(untrained(seed), lists[:size], margins, seed=seed)
        found[f"margin {size}"] = accuracy(student, test)
    warm = train(untrained(seed), lists, soft, seed=seed, steps=2 * STEPS)  # slower to start
    found["soft"] = accuracy(warm, test)
    warm = train(warm, lists, margins, seed=seed, rate=2e-3)
    return found | {"soft, then margin": accuracy(warm, test)}


def test_more_lists_that_the_teacher_labelled_make_a_better_student(measured):
    few, more, most = (fmean(run[f"margin {size}"] for run in measured) for size in SIZES)

    assert few < more < most


def test_a_warm_started_margin_student_beats_one_without_a_teacher(measured):
    ways = ("soft, then margin", "hard")

    distilled, alone = (fmean(run[way] for run in measured) for way in ways)

    assert distilled > alone + 0.02

"""Does a teacher learn to reason? Tiny language models on a made-up shop, three seeds averaged."""

from collections import Counter
from itertools import product
from statistics import fmean

import msgspec
import pytest

from qrmiddleware.distill.causal.generation import Decoding, respond
from qrmiddleware.distill.causal.models import Size, load_causal
from qrmiddleware.distill.causal.rows import prompt_ids
from qrmiddleware.distill.chains import ASPECTS, Chain, Step, Verdict
from qrmiddleware.distill.chance import dice, shuffled
from qrmiddleware.distill.classes import ESCI
from qrmiddleware.distill.label_store import LabelStore
from qrmiddleware.distill.labels import Label, Pair
from qrmiddleware.distill.teachers.chain_form import ChainForm
from qrmiddleware.distill.teachers.local import LocalOptions, LocalTeacher
from qrmiddleware.distill.teachers.prompt import load_prompt
from qrmiddleware.recipes import gathering
from qrmiddleware.recipes.causal import Beginning, CausalFitting
from qrmiddleware.recipes.tuning import TuningPlan, tune
from qrmiddleware_crsd.recipes.prefer import PreferPlan, prefer
from qrmiddleware_crsd.recipes.rewards import WEIGHTS, rewards_of

pytestmark = [pytest.mark.students, pytest.mark.slow, pytest.mark.timeout(900)]

KINDS = ("lamp", "sofa", "kettle", "tent")
LOOKS = tuple(product(("red", "blue", "green", "grey", "pink"), ("small", "large")))
SEEDS = (0, 1, 2)
HELD_OUT = 24
PROMPT = "# system\n$answer\n# user\n$query\n$products\n# answer chain\n$codes\n"


def chain_of(pair):
    kind = pair.text.split()[-1]
    verdict = Verdict.MATCH if kind == pair.query else Verdict.MISMATCH
    rest = (Step(aspect, Verdict.UNSPECIFIED) for aspect in ASPECTS[1:])
    return Chain(
        (Step("category", verdict, f"{pair.query}, {kind}"), *rest),
        "E" if kind == pair.query else "I",
    )


def shop(seed):
    """Pairs of every kind with its products, and with as many others."""
    titles = [" ".join((*look, kind)) for look, kind in product(LOOKS, KINDS)]
    pairs = []
    for kind in KINDS:
        own = [title for title in titles if title.endswith(kind)]
        others = shuffled([t for t in titles if t not in own], dice(seed, kind))
        pairs += [Pair(kind, title, title) for title in (*own, *others[: len(own)])]
    return shuffled(pairs, dice(seed))


def write(work, pairs):
    work.mkdir()
    lines = b"".join(msgspec.json.encode(pair) + b"\n" for pair in pairs)
    (work / gathering.PAIRS).write_bytes(lines)
    with LabelStore(work / gathering.REASON_LABELS) as store:
        for pair in pairs:
            chain = chain_of(pair)
            store.add(label_of(pair, chain))


def label_of(pair, chain):
    return Label(
        pair=pair.key,
        query=pair.query,
        doc_id=pair.doc_id,
        teacher="rules",
        target=ESCI.gains[chain.conclusion],
        grade=chain.conclusion,
        reason=str(chain),
    )


def judged(folder, pairs):
    """Return the share of pairs with a chain, and with the right conclusion."""
    options = LocalOptions(str(folder), attempts=1, most_tokens=90, device="cpu")
    found = {
        each.doc_id + each.query: each
        for each in LocalTeacher(options).label(pairs)
        if isinstance(each, Label)
    }
    right = [
        found[key].grade == chain_of(pair).conclusion
        for pair in pairs
        if (key := pair.doc_id + pair.query) in found
    ]
    return len(found) / len(pairs), sum(right) / len(pairs)


def reward_of(folder, pairs, form):
    lm = load_causal(str(folder))
    drawn = respond(
        lm,
        [prompt_ids(lm, form.messages(p)) for p in pairs],
        Decoding(90, 1.0, 4, seed=9),
        budget=10**5,
    )
    return fmean(
        rewards_of(said, pair, label_of(pair, chain_of(pair)), ESCI).total(WEIGHTS)
        for pair, group in zip(pairs, drawn, strict=True)
        for said in group
    )


def measure(folder, seed):
    (folder / "own-1.md").write_text(PROMPT)
    form = ChainForm(load_prompt(folder / "own-1.md", chain=True))
    pairs = shop(seed)
    held, seen = pairs[:HELD_OUT], pairs[HELD_OUT:]
    write(folder / "work", seen)
    plan = TuningPlan(
        "crsd",
        CausalFitting(STEPS, 4e-3, rows=16, at_once=16, seed=seed),
        Beginning(Size(420, 2, 48, 4)),
        form=form,
    )
    tune(folder / "work", plan, folder / "tuned")
    preferring = PreferPlan(
        CausalFitting(40, 5e-5, rows=8, at_once=8, seed=seed),
        Beginning(str(folder / "tuned")),
        questions=48,
        decoding=Decoding(90, 1.0, samples=6, seed=seed),
    )
    made = prefer(folder / "work", preferring, folder / "preferred")
    formed, right = judged(folder / "tuned", held)
    majority = Counter(chain_of(p).conclusion for p in held).most_common(1)[0][1]
    return {
        "formed": formed,
        "right": right,
        "majority": majority / len(held),
        "tuned": reward_of(folder / "tuned", held, form),
        "preferred": reward_of(folder / "preferred", held, form),
        "made": made,
    }


STEPS = 500
if __name__ == "__main__":
    import pathlib
    import sys
    import tempfile
    import time

    import torch

    torch.set_num_threads(1)
    for seed in map(int, sys.argv[1:]):
        t = time.time()
        print(seed, measure(pathlib.Path(tempfile.mkdtemp()), seed), time.time() - t, flush=True)

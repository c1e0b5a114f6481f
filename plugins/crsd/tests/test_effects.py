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

KINDS = ("lamp", "sofa")
LOOKS = tuple(product(("red", "blue", "green", "grey", "pink"), ("small", "large")))
SEEDS = (0, 1, 2)
HELD_OUT = 12
SIZE = Size(360, 2, 48, 2)
TOKENS = 70
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


def right_of(folder, pairs):
    """Return the share of pairs with a chain, and with one that concludes as it should."""
    options = LocalOptions(str(folder), attempts=1, most_tokens=TOKENS, device="cpu")
    found = [each for each in LocalTeacher(options).label(pairs) if isinstance(each, Label)]
    wanted = {pair.key: chain_of(pair).conclusion for pair in pairs}
    right = sum(label.grade == wanted[label.pair] for label in found)
    return len(found) / len(pairs), right / len(pairs)


def reward_of(folder, pairs, form):
    """Return what chains that are drawn are worth on average."""
    lm = load_causal(str(folder))
    prompts = [prompt_ids(lm, form.messages(pair)) for pair in pairs]
    drawn = respond(lm, prompts, Decoding(TOKENS, 1.0, samples=8, seed=9), budget=10**5)
    return fmean(
        rewards_of(said, pair, label_of(pair, chain_of(pair)), ESCI).total(WEIGHTS)
        for pair, group in zip(pairs, drawn, strict=True)
        for said in group
    )


@pytest.fixture
def form(tmp_path):
    (tmp_path / "own-1.md").write_text(PROMPT)
    return ChainForm(load_prompt(tmp_path / "own-1.md", chain=True))


def taught(folder, seed, form, *, steps, rate):
    """Fine-tune on all pairs but some; return these, and the checkpoint."""
    pairs = shop(seed)
    write(folder, pairs[HELD_OUT:])
    fitting = CausalFitting(steps, rate, rows=16, at_once=16, seed=seed)
    tune(folder, TuningPlan("crsd", fitting, Beginning(SIZE), form=form), folder / "tuned")
    return pairs[:HELD_OUT], folder / "tuned"


def test_fine_tuning_teaches_chains_and_conclusions(form, tmp_path):
    told = []
    for seed in SEEDS:
        held, tuned = taught(tmp_path / str(seed), seed, form, steps=300, rate=3e-3)
        classes = Counter(chain_of(pair).conclusion for pair in held)
        told.append((*right_of(tuned, held), max(classes.values()) / len(held)))

    formed, right, majority = (fmean(values) for values in zip(*told, strict=True))
    assert formed > 0.9
    assert right > majority + 0.1


def test_preferences_raise_the_reward_of_drawn_chains(form, tmp_path):
    """Of a model that has not learnt its form yet.

    The better chains' own cross-entropy weighs much here: a network this small forgets how to
    write when DPO alone takes long steps, and does not move when it takes short ones.
    """
    gains = []
    for seed in SEEDS:
        work = tmp_path / str(seed)
        held, tuned = taught(work, seed, form, steps=110, rate=4e-3)
        plan = PreferPlan(
            CausalFitting(30, 1e-3, rows=8, at_once=8, seed=seed),
            Beginning(str(tuned)),
            questions=28,
            decoding=Decoding(TOKENS, 1.0, samples=6, seed=seed),
            anchor=5.0,
        )
        prefer(work, plan, work / "preferred")
        gains.append(reward_of(work / "preferred", held, form) - reward_of(tuned, held, form))

    assert fmean(gains) > 0.02, gains

"""Preference optimisation of a teacher: of the chains that it draws, better ones become likelier.

Source: CRSD, arXiv:2510.11056 (abstract: "preference optimization with a multi-dimensional reward
model to ensure the generation of reliable and preference-aligned reasoning paths"). That it is DPO
on pairs which rewards by rule make is our reading.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, astuple, dataclass
from hashlib import sha256
from pathlib import Path
from statistics import fmean
from typing import Final

import msgspec

from qrmiddleware.distill.causal.generation import Decoding, Response
from qrmiddleware.distill.causal.models import CausalLm
from qrmiddleware.distill.causal.rows import TokenRow, prompt_ids
from qrmiddleware.distill.chance import dice, shuffled
from qrmiddleware.distill.labels import Label, Pair
from qrmiddleware.distill.teachers.chain_form import ChainForm, read_form, write_form
from qrmiddleware.distill.training import is_main_process
from qrmiddleware.distill.weights import add_files
from qrmiddleware.errors import ConfigError
from qrmiddleware.recipes.causal import (
    Beginning,
    CausalFitting,
    Preferred,
    check_place,
    learn_preferences,
    own_device,
    save_whole,
)
from qrmiddleware.recipes.draws import Asked, draw
from qrmiddleware.recipes.pretraining import CHECKPOINTS
from qrmiddleware.recipes.reasoned import read_reasoned
from qrmiddleware.recipes.tuning import reasoned_pairs
from qrmiddleware_crsd.recipes.rewards import WEIGHTS, Rewards, rewards_of

PREFERRED: Final = "preferred"
DRAWS: Final = "chains.draws.jsonl"
PREFERENCES: Final = "chains.preferences.jsonl"
DECODING: Final = Decoding(160, temperature=1.0, samples=4)


@dataclass(frozen=True, slots=True)
class PreferPlan:
    """What is preferred, and how it is learnt.

    Attributes:
        fitting: How the model learns; its rows are preferences.
        beginning: The fine-tuned model, which is the reference too.
        labels: File of labels that are trusted, with chains; the reasoner's if ``None``.
        questions: Pairs that chains are drawn about, at most.
        decoding: How they are drawn.
        draw_tokens: Of a pass that draws, padding and chains included.
        weights: Of rewards.
        least_margin: By which a chain's reward is higher than another's that it is preferred to.
        most: Preferences of one question.
        beta: Of DPO.
        anchor: Weight of chosen chains' cross-entropy beside it.

    Raises:
        ConfigError: If no reward weighs anything.
    """

    fitting: CausalFitting
    beginning: Beginning
    labels: Path | None = None
    questions: int = 1000
    decoding: Decoding = DECODING
    draw_tokens: int = 16384
    weights: Rewards = WEIGHTS
    least_margin: float = 0.05
    most: int = 1
    beta: float = 0.1
    anchor: float = 1.0

    def __post_init__(self) -> None:
        if not any(astuple(self.weights)):
            message = "rewards: at least one has to weigh more than 0"
            raise ConfigError(message)


class Preference(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the file of preferences, for people to look at.

    Attributes:
        query: That was asked about.
        doc_id: Likewise.
        pair: The pair's key.
        chosen: The better chain.
        rejected: The worse one, as it was drawn.
        reward_chosen: What it is worth.
        reward_rejected: Likewise.
        components: Of both rewards.
    """

    query: str
    doc_id: str
    pair: str
    chosen: str
    rejected: str
    reward_chosen: float
    reward_rejected: float
    components: dict[str, dict[str, float]]


@dataclass(frozen=True, slots=True)
class Preferring:
    """What came of it.

    Attributes:
        questions: That chains were drawn about.
        reward: Mean of the chains that were drawn.
        preferences: Made of them.
        too_long: Of these, left out in training.
    """

    questions: int
    reward: float
    preferences: int
    too_long: int


def prefer(
    work: Path,
    plan: PreferPlan,
    target: Path,
    *,
    tell: Callable[[int, int], object] = lambda _, __: None,
) -> Preferring:
    """Draw chains, tell which are better, and train by it; every step goes on where it ended.

    Args:
        work: Folder of the training.
        plan: What is preferred, and how it is learnt.
        target: Folder of the checkpoint to make.
        tell: Called with the questions that chains are drawn for, and all of them.

    Raises:
        ConfigError: If no chain is better than another, the model was never taught to reason, or
            chains are still to be drawn and several processes train.
    """
    check_place(target)
    form = _form(plan.beginning)
    lm = plan.beginning.load((), seed=plan.fitting.seed)
    asked = _questions(work, plan, form)
    prompts = {pair.key: prompt_ids(lm, form.messages(pair)) for pair, _ in asked}
    drawn = _drawn(work, lm, prompts, plan, tell)
    rewards = [
        [rewards_of(said, pair, label, form.classes) for said in responses]
        for (pair, label), responses in zip(asked, drawn, strict=True)
    ]
    found = [
        each
        for (pair, _), *told in zip(asked, drawn, rewards, strict=True)
        for each in preferences_of(pair, zip(*told, strict=True), plan=plan)
    ]
    _keep(work, found, plan)
    too_long = learn_preferences(
        lm,
        _as_drawn(found, prompts, drawn),
        fitting=plan.fitting,
        beta=plan.beta,
        anchor=plan.anchor,
        checkpoints=work / CHECKPOINTS / target.resolve().name,
        what="learning which chains are better",
    )
    if is_main_process():
        save_whole(lm, target, lambda draft: write_form(draft, form))
    mean = fmean(each.total(plan.weights) for group in rewards for each in group)
    return Preferring(len(asked), mean, len(found), too_long)


def _keep(work: Path, found: Sequence[Preference], plan: PreferPlan) -> None:
    if not found:
        message = (
            f"of no pair two chains differ by {plan.least_margin} in reward: draw more of each "
            "(--samples), or at a higher temperature"
        )
        raise ConfigError(message)
    if is_main_process():
        lines = b"".join(msgspec.json.encode(each) + b"\n" for each in found)
        (work / PREFERENCES).write_bytes(lines)


def _as_drawn(
    found: Sequence[Preference],
    prompts: Mapping[str, tuple[int, ...]],
    drawn: Sequence[Sequence[Response]],
) -> list[Preferred]:
    """Return preferences in the tokens that were drawn: another split would be another response."""
    ids = {
        (key, said.text): said.ids
        for key, responses in zip(prompts, drawn, strict=True)
        for said in responses
    }

    def row(key: str, text: str) -> TokenRow:
        return TokenRow((*prompts[key], *ids[key, text]), len(prompts[key]))

    return [Preferred(row(e.pair, e.chosen), row(e.pair, e.rejected)) for e in found]


def _form(beginning: Beginning) -> ChainForm:
    form = read_form(beginning.told)
    if form is None:
        message = (
            f"{beginning.told} was not taught to reason: `qrm crsd sft` makes a checkpoint that "
            "says how it is asked"
        )
        raise ConfigError(message)
    return form


def _questions(work: Path, plan: PreferPlan, form: ChainForm) -> list[tuple[Pair, Label]]:
    """Draw the pairs to ask about; more of them begin with the same."""
    labels = read_reasoned(work, plan.labels, form.classes, recipe="crsd")
    found = {
        pair.key: (pair, label) for pair, label, _ in reasoned_pairs(work, labels, form.classes)
    }
    return shuffled(found.values(), dice(plan.fitting.seed, PREFERRED))[: plan.questions]


def _drawn(
    work: Path,
    lm: CausalLm,
    asked: Mapping[str, tuple[int, ...]],
    plan: PreferPlan,
    tell: Callable[[int, int], object],
) -> list[tuple[Response, ...]]:
    """Draw responses to prompts by the pair's key."""
    lm.model.to(own_device())
    return draw(
        lm,
        [Asked(*item) for item in asked.items()],
        plan.decoding,
        work / DRAWS,
        by=_identity(Path(plan.beginning.told)),
        budget=plan.draw_tokens,
        tell=tell,
    )


def _identity(folder: Path) -> str:
    told = sha256()
    add_files(told, folder)
    return f"{folder.resolve().name}:{told.hexdigest()[:8]}"


def preferences_of(
    pair: Pair, drawn: Iterable[tuple[Response, Rewards]], *, plan: PreferPlan
) -> Iterator[Preference]:
    """Yield what the best chain about a pair is preferred to, the worst one first.

    A response that was cut off is never chosen; it may be rejected, lest rambling cost nothing.
    """
    told = list(drawn)
    worth = {said.text: (rewards.total(plan.weights), rewards) for said, rewards in told}
    order = sorted(worth, key=lambda text: (-worth[text][0], text))
    whole = {said.text for said, _ in told if said.ended}
    best = next((text for text in order if text in whole), None)
    if best is None:
        return
    for rejected in [text for text in reversed(order) if text != best][: plan.most]:
        (better, why), (worse, why_not) = worth[best], worth[rejected]
        if better - worse >= plan.least_margin:
            yield Preference(
                query=pair.query,
                doc_id=pair.doc_id,
                pair=pair.key,
                chosen=best,
                rejected=rejected,
                reward_chosen=better,
                reward_rejected=worse,
                components={"chosen": asdict(why), "rejected": asdict(why_not)},
            )

"""Supervised fine-tuning of a language model on chains of reasons: how a teacher learns to reason.

Source: that the teacher is fine-tuned to reason is CRSD's, arXiv:2510.11056, and ELLM-rele's,
arXiv:2411.13045 (abstracts); whose chains, in which words, and the loss are our reading.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from qrmiddleware.distill.causal.rows import prompt_ids, response_row
from qrmiddleware.distill.chains import Chain, ChainError
from qrmiddleware.distill.classes import Classes
from qrmiddleware.distill.labels import Label, Pair
from qrmiddleware.distill.pair_files import read_pairs
from qrmiddleware.distill.teachers.chain_form import ChainForm, write_form
from qrmiddleware.distill.training import is_main_process
from qrmiddleware.errors import ConfigError
from qrmiddleware.recipes.causal import (
    Beginning,
    CausalFitting,
    check_place,
    learn_rows,
    save_whole,
)
from qrmiddleware.recipes.gathering import PAIRS
from qrmiddleware.recipes.pretraining import CHECKPOINTS
from qrmiddleware.recipes.reasoned import read_reasoned

TUNED: Final = "tuned"


@dataclass(frozen=True, slots=True)
class TuningPlan:
    """What is learnt, and how.

    Attributes:
        recipe: Whose teacher it is; the plugin's name.
        fitting: How it learns.
        beginning: What it begins with.
        labels: File of labels with chains; the reasoner's if ``None``.
        form: What it is asked, and the classes that it concludes.
    """

    recipe: str
    fitting: CausalFitting
    beginning: Beginning
    labels: Path | None = None
    form: ChainForm = field(default_factory=ChainForm)


@dataclass(frozen=True, slots=True)
class Tuned:
    """What a fine-tuning had to learn from.

    Attributes:
        chains: Labels whose reason is a chain that concludes the label's class.
        others: Labels that were left out, for theirs is none.
        too_long: Chains that were left out with their prompts.
    """

    chains: int
    others: int
    too_long: int


def tune(work: Path, plan: TuningPlan, target: Path) -> Tuned:
    """Teach a language model to answer the prompt about a pair with its chain.

    Args:
        work: Folder of the training.
        plan: What is learnt, and how.
        target: Folder of the checkpoint to make.

    Raises:
        ConfigError: If there are no chains, or something lies at ``target`` that is no checkpoint.
    """
    check_place(target)
    labels = read_reasoned(work, plan.labels, plan.form.classes, recipe=plan.recipe)
    shown = list(reasoned_pairs(work, labels, plan.form.classes))
    texts = (text for pair, _, chain in shown for text in (*_words(plan.form, pair), str(chain)))
    lm = plan.beginning.load(texts, seed=plan.fitting.seed)
    rows = [
        response_row(lm, prompt_ids(lm, plan.form.messages(pair)), str(chain))
        for pair, _, chain in shown
    ]
    too_long = learn_rows(
        lm,
        rows,
        fitting=plan.fitting,
        checkpoints=work / CHECKPOINTS / target.resolve().name,
        what="learning to reason",
    )
    if is_main_process():
        save_whole(lm, target, lambda draft: write_form(draft, plan.form))
    return Tuned(len(shown), len(labels) - len(shown), too_long)


def reasoned_pairs(
    work: Path, labels: Sequence[Label], classes: Classes
) -> Iterator[tuple[Pair, Label, Chain]]:
    """Yield the pairs of labels whose reason is a chain, in the order of the labels.

    A chain that concludes another class than its label has is none to learn from.

    Raises:
        ConfigError: If no label is of a pair in this folder, or none has a chain.
    """
    pairs = {pair.key: pair for pair in read_pairs(work / PAIRS)}
    found = [
        (pairs[label.pair], label, chain)
        for label in labels
        if label.pair in pairs and (chain := _chain(label, classes)) is not None
    ]
    if not found:
        known = sum(label.pair in pairs for label in labels)
        message = (
            f"{len(labels):,} labels: {known:,} are of pairs in {work / PAIRS}, and none has a "
            "chain of reasons; `qrm label llm --mode chain` and `qrm label reasoner` write some"
        )
        raise ConfigError(message)
    return iter(found)


def _chain(label: Label, classes: Classes) -> Chain | None:
    try:
        chain = Chain.read(label.reason, classes)
    except ChainError:
        return None
    return chain if chain.conclusion == label.grade else None


def _words(form: ChainForm, pair: Pair) -> Iterator[str]:
    return (message["content"] for message in form.messages(pair))

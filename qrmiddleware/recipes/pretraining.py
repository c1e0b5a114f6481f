"""Domain-adaptive pretraining: a language model reads the catalogue before it is taught a task.

Source: Gururangan et al. 2020, arXiv:2004.10964; that CRSD's teacher begins with it, to take in the
platform's knowledge, is arXiv:2510.11056 (abstract).
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from qrmiddleware.distill.causal.rows import packed
from qrmiddleware.distill.chance import dice, shuffled
from qrmiddleware.distill.label_store import read_labels
from qrmiddleware.distill.pair_files import read_pairs
from qrmiddleware.distill.training import is_main_process
from qrmiddleware.recipes.causal import (
    Beginning,
    CausalFitting,
    check_place,
    learn_rows,
    save_whole,
)
from qrmiddleware.recipes.gathering import PAIRS, REASON_LABELS

PRETRAINED: Final = "pretrained"
CHECKPOINTS: Final = "checkpoints"


def pretrain(
    work: Path, beginning: Beginning, target: Path, *, fitting: CausalFitting, tokens: int = 256
) -> int:
    """Train a language model on the texts and queries of a training's pairs, each read once.

    Args:
        work: Folder of the training.
        beginning: What the model begins with. A vocabulary from scratch is made of texts, queries,
            and, where the reasoner has labelled, its reasons.
        target: Folder of the checkpoint to make.
        fitting: How it learns.
        tokens: Of a row; texts are joined until it is full.

    Returns:
        How many rows there were.

    Raises:
        ConfigError: If there are no pairs, or something lies at ``target`` that is no checkpoint.
    """
    check_place(target)
    texts = catalogue_texts(work, seed=fitting.seed)
    lm = beginning.load((*texts, *_reasons(work)), seed=fitting.seed)
    rows = list(packed(lm, texts, tokens=tokens))
    learn_rows(
        lm,
        rows,
        fitting=fitting,
        checkpoints=work / CHECKPOINTS / target.resolve().name,
        what="pretraining on the catalogue",
    )
    if is_main_process():
        save_whole(lm, target, lambda _: None)
    return len(rows)


def catalogue_texts(work: Path, *, seed: int) -> Sequence[str]:
    """Collect what pairs say of products and what shoppers typed, mixed, without repeats."""
    found: dict[str, None] = {}
    for pair in read_pairs(work / PAIRS):
        found.setdefault(pair.query)
        found.setdefault(pair.text)
    return shuffled(filter(None, found), dice(seed, PRETRAINED))


def _reasons(work: Path) -> Iterator[str]:
    file = work / REASON_LABELS
    return (label.reason for label in read_labels(file)) if file.exists() else iter(())

"""Supervised fine-tuning on pairs: how a teacher, or a student alone, learns to rewrite.

Source: MiniELM, arXiv:2501.18056: teacher and student are fine-tuned on queries that mean the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from qrmiddleware.distill.causal.models import CausalLm
from qrmiddleware.distill.causal.rows import TokenRow
from qrmiddleware.distill.rewriting.rewrite_form import (
    RewriteForm,
    RewriteReader,
    form_for,
    read_rewrite_form,
    write_rewrite_form,
)
from qrmiddleware.distill.rewriting.rows import RewritePair
from qrmiddleware.distill.training import is_main_process
from qrmiddleware.errors import ConfigError
from qrmiddleware.recipes.causal import (
    Beginning,
    CausalFitting,
    check_place,
    learn_rows,
    save_whole,
)
from qrmiddleware.recipes.pretraining import CHECKPOINTS

TEACHER: Final = "teacher"


@dataclass(frozen=True, slots=True)
class Taught:
    """What a fine-tuning learnt from.

    Attributes:
        pairs: Learnt.
        unreadable: Left out, for nothing of query or rewrite can be read.
        too_long: Likewise, for both together have too many tokens.
    """

    pairs: int
    unreadable: int
    too_long: int


def teach_rewriting(
    pairs: Sequence[RewritePair],
    work: Path,
    target: Path,
    *,
    fitting: CausalFitting,
    beginning: Beginning,
    what: str,
) -> Taught:
    """Teach a language model rewrites, and write its checkpoint with how it is asked.

    Goes on from where it was interrupted.

    Args:
        pairs: To learn from.
        work: Folder of the training.
        target: Folder of the checkpoint to make.
        fitting: How it learns.
        beginning: What it begins with.
        what: Is trained, for the progress bar.

    Raises:
        ConfigError: If there is no pair, or something lies at ``target`` that is no checkpoint.
    """
    check_place(target)
    if not pairs:
        message = "there is no pair to learn from: gather more (`qrm rl-qr pairs`)"
        raise ConfigError(message)
    texts = (text for pair in pairs for text in (f"{pair.query}\n", pair.rewrite))
    lm = beginning.load(texts, seed=fitting.seed)
    form = read_rewrite_form(beginning.told) or form_for(lm)
    return learn_pairs(lm, form, pairs, work, target, fitting=fitting, what=what)


def learn_pairs(
    lm: CausalLm,
    form: RewriteForm,
    pairs: Sequence[RewritePair],
    work: Path,
    target: Path,
    *,
    fitting: CausalFitting,
    what: str,
) -> Taught:
    """Teach a language model that is loaded; arguments and errors as of ``teach_rewriting``."""
    rows = rows_of(lm, form, pairs)
    checkpoints = work / CHECKPOINTS / target.resolve().name
    too_long = learn_rows(lm, rows, fitting=fitting, checkpoints=checkpoints, what=what)
    if is_main_process():
        save_whole(lm, target, lambda draft: write_rewrite_form(draft, form))
    return Taught(len(rows) - too_long, len(pairs) - len(rows), too_long)


def rows_of(lm: CausalLm, form: RewriteForm, pairs: Sequence[RewritePair]) -> list[TokenRow]:
    """Write pairs down as a model learns them; those of which nothing can be read are left out."""
    reader = RewriteReader(lm, form)
    rows = (reader.row(pair.query, pair.rewrite) for pair in pairs)
    return [row for row in rows if row is not None]

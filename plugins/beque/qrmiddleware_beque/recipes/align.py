"""Objective alignment: what finds more becomes likelier, by an engine's feedback.

Source: BEQUE, arXiv:2311.03758: preference ranking optimisation over each query's candidates,
cross-entropy kept beside it; AdamW at 1e-6, four epochs. The weight between both is not told
there.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Final

import msgspec

from qrmiddleware.distill.causal.models import CausalLm
from qrmiddleware.distill.rewriting.row_files import read_rows
from qrmiddleware.distill.rewriting.rows import Feedback, RewritePair
from qrmiddleware.distill.splits import normalised_query, refuse_leaks
from qrmiddleware.distill.training import is_main_process
from qrmiddleware.errors import ConfigError
from qrmiddleware.recipes.causal import Beginning, CausalFitting, check_place, save_whole
from qrmiddleware.recipes.pretraining import CHECKPOINTS
from qrmiddleware.recipes.ranking import Ranked, learn_rankings
from qrmiddleware_beque.recipes.instructions import LEARNT, held_out_of
from qrmiddleware_beque.recipes.rejection import one_system
from qrmiddleware_beque.recipes.rewards import Aim, Ordered, Ordering, order
from qrmiddleware_beque.recipes.rewriter import (
    Rewriter,
    Stage,
    hashes_of,
    plain,
    read_rewriter,
)
from qrmiddleware_beque.recipes.sft import steps_of
from qrmiddleware_beque.recipes.student import write_forms

ALIGNED: Final = "aligned"
FEEDBACK: Final = "feedback.jsonl"


@dataclass(frozen=True, slots=True)
class AlignPlan:
    """How a model is aligned.

    Attributes:
        beginning: The fine-tuned model.
        fitting: How it learns; rows are queries, and its steps are computed.
        feedback: File of what an engine says of candidates.
        aim: What counts.
        epochs: How often each query's list is read.
        weight: Of the ranking, beside the cross-entropy of what is best.
        gold: Rewrites that are better than any candidate, and learnt in the best one's place.
    """

    beginning: Beginning
    fitting: CausalFitting
    feedback: Path
    aim: Aim = field(default_factory=Aim)
    epochs: float = 4.0
    weight: float = 1.0
    gold: Path | None = None


@dataclass(frozen=True, slots=True)
class Aligned:
    """What came of it.

    Attributes:
        ordering: What there was to learn from.
        gold: Lists that a gold rewrite stands for.
        too_long: Lists that were left out.
        steps: Updates of the weights.
    """

    ordering: Ordering
    gold: int
    too_long: int
    steps: int


def align(work: Path, plan: AlignPlan, target: Path) -> Aligned:
    """Teach a model which of its candidates find more; goes on where it was interrupted.

    Args:
        work: Folder of the training.
        plan: How.
        target: Folder of the checkpoint to make.

    Raises:
        ConfigError: If there is no feedback, it is of a query that is held out, of no query one
            candidate is better than another, or the model was never taught to rewrite.
    """
    check_place(target)
    if not plan.feedback.is_file():
        message = (
            f"{plan.feedback} is not there: `qrm feedback` asks an engine about the candidates "
            "that `qrm beque candidates` writes"
        )
        raise ConfigError(message)
    base = Path(plan.beginning.told)
    rewriter = read_rewriter(base)
    feedback = list(one_system(read_rows(plan.feedback, Feedback)))
    refuse_leaks((row.query for row in feedback), held_out_of(work))
    ordering = order(feedback, plan.aim)
    if not ordering.lists:
        raise ConfigError(_nothing(plan, ordering))
    gold = _gold(plan.gold)
    lm = plan.beginning.load((), seed=plan.fitting.seed)
    lists = [ranked(lm, rewriter, each, gold) for each in ordering.lists]
    steps = steps_of(len(lists), plan.epochs, plan.fitting.rows)
    fitting = replace(plan.fitting, steps=steps)
    too_long = learn_rankings(
        lm,
        lists,
        fitting=fitting,
        weight=plan.weight,
        checkpoints=work / CHECKPOINTS / target.resolve().name,
        what="learning which rewrites find more",
    )
    if is_main_process():
        told = _with_stage(rewriter, plan, fitting, feedback[0].by)
        save_whole(lm, target, lambda draft: write_forms(draft, lm, told))
    known = sum(normalised_query(each.query) in gold for each in ordering.lists)
    return Aligned(ordering, known, too_long, steps)


def ranked(lm: CausalLm, rewriter: Rewriter, told: Ordered, gold: Mapping[str, str]) -> Ranked:
    """Write a list as tokens.

    Args:
        lm: Whose.
        rewriter: How it is asked.
        told: The list.
        gold: Rewrites by normalised query.
    """
    rows = tuple(rewriter.row(lm, told.query, each.text) for each in told.candidates)
    best = gold.get(normalised_query(told.query))
    target = rows[0] if best is None else rewriter.row(lm, told.query, best)
    return Ranked(target, rows, told.rewards)


def _gold(file: Path | None) -> dict[str, str]:
    """Read rewrites by query; the first one of a query counts."""
    found: dict[str, str] = {}
    pairs: Sequence[RewritePair] = [] if file is None else list(read_rows(file, RewritePair))
    for pair in pairs:
        if pair.split in LEARNT:
            found.setdefault(normalised_query(pair.query), pair.rewrite)
    return found


def _nothing(plan: AlignPlan, told: Ordering) -> str:
    return (
        f"{plan.feedback}: of no query one candidate is better than another by "
        f"{plan.aim.objective}; {told.problems:,} queries could not be searched, {told.few:,} have "
        f"fewer than two candidates that count, of {told.alike:,} all are worth the same, and "
        f"{told.unknown:,} candidates are of unknown worth: propose more of each (--count), or "
        "choose another objective"
    )


def _with_stage(rewriter: Rewriter, plan: AlignPlan, fitting: CausalFitting, by: str) -> Rewriter:
    files = [plan.feedback, *([plan.gold] if plan.gold else [])]
    stage = Stage(
        command="qrm beque align",
        base=plan.beginning.told,
        teacher=by,
        seed=fitting.seed,
        data=hashes_of(files),
        settings=plain(
            {
                "fitting": asdict(fitting),
                "beginning": asdict(plan.beginning),
                "aim": asdict(plan.aim),
                "epochs": plan.epochs,
                "weight": plan.weight,
            }
        ),
    )
    return msgspec.structs.replace(rewriter, stages=(*rewriter.stages, stage))

"""Multi-instruction fine-tuning: a language model learns all tasks at once.

Source: BEQUE, arXiv:2311.03758: next-token cross-entropy of answers, prompts masked; AdamW at
1e-5, one epoch, prompts of at most 64 tokens for rewriting and 256 for the other tasks.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from math import ceil
from pathlib import Path
from typing import Final

from qrmiddleware.distill.causal.models import CausalLm
from qrmiddleware.distill.causal.rows import TokenRow, prompt_ids, response_row
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
from qrmiddleware_beque.recipes.instructions import (
    INSTRUCTIONS,
    TASKS,
    Instructed,
    Instruction,
    read_instructed,
    read_instructions,
)
from qrmiddleware_beque.recipes.rewriter import (
    Rewriter,
    Stage,
    asking,
    hashes_of,
    plain,
)
from qrmiddleware_beque.recipes.student import write_forms

SFT: Final = "sft"
_LEAST_STEPS: Final = 2


@dataclass(frozen=True, slots=True)
class SftPlan:
    """How a model is taught.

    Attributes:
        beginning: What it begins with.
        fitting: How it learns; its steps are computed.
        epochs: How often each instruction is read.
        rewrite_prompt_tokens: Of a rewrite's prompt at most; instructions with longer ones are
            left out.
        other_prompt_tokens: Of the other tasks' prompts.
    """

    beginning: Beginning
    fitting: CausalFitting
    epochs: float = 1.0
    rewrite_prompt_tokens: int = 64
    other_prompt_tokens: int = 256

    def most(self, task: str) -> int:
        """Return how many tokens a task's prompt may have."""
        return self.rewrite_prompt_tokens if task == "rewrite" else self.other_prompt_tokens


@dataclass(frozen=True, slots=True)
class Taught:
    """What came of it.

    Attributes:
        learnt: Instructions by task.
        too_long: That were left out.
        steps: Updates of the weights.
    """

    learnt: dict[str, int]
    too_long: int
    steps: int


def teach(work: Path, plan: SftPlan, target: Path) -> Taught:
    """Teach a language model the instructions of a training; goes on where it was interrupted.

    Args:
        work: Folder of the training.
        plan: How.
        target: Folder of the checkpoint to make.

    Raises:
        ConfigError: If there are no instructions, none is short enough, none is a rewrite, or
            something lies at ``target`` that is no checkpoint.
    """
    check_place(target)
    told = read_instructed(work)
    instructions = read_instructions(work)
    texts = (text for each in instructions for text in (each.prompt, each.answer))
    lm = plan.beginning.load(texts, seed=plan.fitting.seed)
    rows = token_rows(lm, instructions, plan)
    kept = [(each, row) for each, row in zip(instructions, rows, strict=True) if row is not None]
    rewrites = [row for each, row in kept if each.task == "rewrite"]
    if not rewrites:
        message = (
            f"of {told.counts.get('rewrite', 0):,} rewrites none is short enough: allow longer "
            "prompts (--rewrite-prompt-tokens) or rows (--max-tokens)"
        )
        raise ConfigError(message)
    fitting = replace(plan.fitting, steps=steps_of(len(kept), plan.epochs, plan.fitting.rows))
    learn_rows(
        lm,
        [row for _, row in kept],
        fitting=fitting,
        checkpoints=work / CHECKPOINTS / target.resolve().name,
        what="learning to rewrite",
    )
    if is_main_process():
        longest = max(len(row.ids) - row.prompt for row in rewrites)
        rewriter = _rewriter(work, told, plan, fitting, longest)
        save_whole(lm, target, lambda draft: write_forms(draft, lm, rewriter))
    counts = Counter(each.task for each, _ in kept)
    return Taught(
        {task: counts[task] for task in TASKS}, len(instructions) - len(kept), fitting.steps
    )


def token_rows(
    lm: CausalLm, instructions: Sequence[Instruction], plan: SftPlan
) -> list[TokenRow | None]:
    """Write instructions as tokens; ``None`` where prompt or row is too long."""
    rows = [
        response_row(lm, prompt_ids(lm, asking(each.prompt)), each.answer) for each in instructions
    ]
    return [
        row
        if row.prompt <= plan.most(each.task) and len(row.ids) <= plan.fitting.max_tokens
        else None
        for each, row in zip(instructions, rows, strict=True)
    ]


def steps_of(count: int, epochs: float, batch: int) -> int:
    """Return how many batches read so many rows so often."""
    return max(_LEAST_STEPS, ceil(count * epochs / batch))


def _rewriter(
    work: Path, told: Instructed, plan: SftPlan, fitting: CausalFitting, longest: int
) -> Rewriter:
    stage = Stage(
        command="qrm beque sft",
        base=plan.beginning.told,
        teacher=", ".join(told.sources),
        seed=fitting.seed,
        data=told.data | hashes_of([work / INSTRUCTIONS]),
        settings=plain(
            {
                "fitting": asdict(fitting),
                "beginning": asdict(plan.beginning),
                "epochs": plan.epochs,
                "prompt_tokens": [plan.rewrite_prompt_tokens, plan.other_prompt_tokens],
                "instructions": told.counts,
            }
        ),
    )
    return Rewriter(
        prompts=told.prompts,
        prompt_tokens=plan.rewrite_prompt_tokens,
        rewrite_tokens=longest,
        seen_folds=told.seen_folds,
        stages=(stage,),
    )

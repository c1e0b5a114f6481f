"""What the commands that train language models share: options, and the one that fine-tunes."""

# `qrm --help` reads this file, and training loads torch: it is imported when it is asked for.
# ruff: noqa: PLC0415, PLR0917 typer reads signatures

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from qrmiddleware.errors import ConfigError
from qrmiddleware.recipes.command_options import (
    RateOption,
    SeedOption,
    StepsOption,
    WorkArgument,
    names,
    need_training,
    numbers,
    say,
)

if TYPE_CHECKING:
    from qrmiddleware.recipes.causal import Beginning

BaseModelOption = Annotated[
    str,
    typer.Option("--base", help="Language model to begin with: folder, or name at the hub."),
]
ScratchModelOption = Annotated[
    str,
    typer.Option(
        "--scratch",
        help="Begin from nothing: vocabulary,layers,hidden,heads, as 2000,2,128,2; for trials.",
    ),
]
CheckpointOption = Annotated[Path | None, typer.Option("--to", help="Folder of the checkpoint.")]
RowsOption = Annotated[int, typer.Option("--batch", min=1, help="Rows of a batch.")]
AtOnceOption = Annotated[
    int, typer.Option(min=1, help="Of these in one pass: fewer need less memory, and more time.")
]
RowTokensOption = Annotated[
    int,
    typer.Option("--max-tokens", min=16, help="Of prompt and answer; what is longer is left out."),
]
LoraRankOption = Annotated[
    int,
    typer.Option(
        min=0, help="Train adapters of this rank, and no other weights (LoRA); 0 trains all."
    ),
]
LoraTargetsOption = Annotated[
    str,
    typer.Option(
        help="Layers that get adapters, as q_proj,v_proj; else the attention's, as peft knows them."
    ),
]
GradientCheckpointingOption = Annotated[
    bool, typer.Option("--gradient-checkpointing", help="Take less memory, and more time.")
]
ReasonsOption = Annotated[
    Path | None,
    typer.Option("--labels", help="Labels with chains; else the reasoner's, from gather."),
]
_HELP: Final = """Teach a language model to reason: to answer a pair with a chain of reasons.

The checkpoint says how it is asked: `qrm label local` labels with it. Goes on where it was
interrupted.

Examples:

    qrm {system} sft ./work --base Qwen/Qwen3-0.6B --lora-rank 16 --rate 2e-4
    --gradient-checkpointing

    qrm {system} sft ./work --base ./base --labels ./work/llm.labels.jsonl

    qrm {system} sft ./work --scratch 2000,2,128,2 --prompt chain-short-1 --rate 3e-3
"""


def beginning_of(
    base: str,
    scratch: str,
    *,
    lora_rank: int = 0,
    lora_targets: str = "",
    gradient_checkpointing: bool = False,
) -> "Beginning":
    """Read what a training begins with.

    Raises:
        ConfigError: If neither a checkpoint nor a size is told, or both are, or targets without a
            rank.
    """
    from qrmiddleware.distill.causal.models import Size
    from qrmiddleware.distill.lora import Lora
    from qrmiddleware.recipes.causal import Beginning

    if bool(base) is bool(scratch):
        message = "give a language model to begin with (--base), or a size (--scratch); not both"
        raise ConfigError(message)
    if lora_targets and not lora_rank:
        message = f"--lora-targets {lora_targets} without --lora-rank: say how wide adapters are"
        raise ConfigError(message)
    return Beginning(
        Size(*numbers(scratch, 4, "--scratch")) if scratch else base,
        Lora(lora_rank, names(lora_targets)) if lora_rank else None,
        gradient_checkpointing,
    )


def add_sft(app: typer.Typer, system: str) -> None:
    """Give a system's commands the one that teaches its teacher to reason.

    Args:
        app: Of the system.
        system: Its name among the commands of ``qrm``.
    """

    def sft(
        work: WorkArgument,
        base: BaseModelOption = "",
        scratch: ScratchModelOption = "",
        to: CheckpointOption = None,
        labels: ReasonsOption = None,
        prompt: Annotated[
            str,
            typer.Option(
                help="A prompt of your own, or chain-short-1, which explains nothing; else chain-1."
            ),
        ] = "",
        longest_text: Annotated[
            int, typer.Option(min=20, help="Characters of a product's text that the model is told.")
        ] = 2000,
        lora_rank: LoraRankOption = 0,
        lora_targets: LoraTargetsOption = "",
        gradient_checkpointing: GradientCheckpointingOption = False,
        steps: StepsOption = 1000,
        rate: RateOption = 2e-5,
        rows: RowsOption = 16,
        at_once: AtOnceOption = 4,
        max_tokens: RowTokensOption = 1024,
        seed: SeedOption = 0,
    ) -> None:
        need_training(f"qrmiddleware-{system}")
        from qrmiddleware.distill.teachers.chain_form import ChainForm
        from qrmiddleware.distill.teachers.prompt import load_prompt
        from qrmiddleware.distill.training import is_main_process
        from qrmiddleware.recipes.causal import CausalFitting
        from qrmiddleware.recipes.pretraining import PRETRAINED
        from qrmiddleware.recipes.tuning import TUNED, TuningPlan, tune

        pretrained = work / PRETRAINED
        if not base and not scratch and pretrained.is_dir():
            base = str(pretrained)
        target = to or work / TUNED
        plan = TuningPlan(
            system.replace("-", "_"),
            CausalFitting(steps, rate, rows, at_once, max_tokens, seed),
            beginning_of(
                base,
                scratch,
                lora_rank=lora_rank,
                lora_targets=lora_targets,
                gradient_checkpointing=gradient_checkpointing,
            ),
            labels,
            ChainForm(
                load_prompt(Path(prompt) if prompt else None, chain=True),
                longest_text=longest_text,
            ),
        )
        made = tune(work, plan, target)
        if is_main_process():
            say(
                f"{target}: learnt {made.chains:,} chains; left out were {made.others:,} labels "
                f"without one, and {made.too_long:,} that are too long"
            )

    app.command("sft", no_args_is_help=True, help=_HELP.replace("{system}", system))(sft)

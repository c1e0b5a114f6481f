"""``qrm rl-qr distill`` and ``student``: a small rewriter, and its folder for serving."""

# `qrm --help` reads this file: what a command needs is imported when it is asked for.
# ruff: noqa: PLC0415 typer reads signatures, and prints docstrings as they stand

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from qrmiddleware.recipes.causal_options import (
    AtOnceOption,
    BaseModelOption,
    CheckpointOption,
    RowsOption,
    RowTokensOption,
    beginning_of,
)
from qrmiddleware.recipes.command_options import (
    LicenceOption,
    RateOption,
    ReplaceOption,
    SeedOption,
    StepsOption,
    StoredOption,
    ToOption,
    counting,
    made_by,
    need_training,
    say,
)
from qrmiddleware_rl_qr.commands.options import PACKAGE, FolderArgument, RewriteTokensOption

if TYPE_CHECKING:
    from qrmiddleware_rl_qr.recipes.distilling import Distilled


def distill(
    work: FolderArgument,
    teacher: Annotated[
        Path | None,
        typer.Option(
            help="Checkpoint of a teacher; else WORK/teacher, if it is there. It writes the "
            "rewrites of the warm-up, and then scores each token of the student's own."
        ),
    ] = None,
    rewrites: Annotated[
        Path | None,
        typer.Option(help="A teacher's rewrites for the warm-up, such as WORK/asked.jsonl."),
    ] = None,
    also_pairs: Annotated[
        bool, typer.Option("--pairs", help="Let the warm-up learn the gathered pairs too.")
    ] = False,
    base: BaseModelOption = "",
    scratch: Annotated[
        str,
        typer.Option(
            help="Size of a student from nothing: vocabulary,layers,hidden,heads. With a teacher "
            "its vocabulary is the teacher's."
        ),
    ] = "",
    to: CheckpointOption = None,
    steps: StepsOption = 2000,
    rate: RateOption = 1e-3,
    on_policy_steps: Annotated[
        int, typer.Option(min=0, help="Steps with the student's own rewrites; 0 leaves them out.")
    ] = 500,
    on_policy_rate: Annotated[float, typer.Option(help="Highest learning rate of these.")] = 2e-4,
    rows: RowsOption = 32,
    at_once: AtOnceOption = 16,
    max_tokens: RowTokensOption = 128,
    temperature: Annotated[
        float, typer.Option(min=0.1, help="Softens both models' probabilities in the loss.")
    ] = 1.0,
    samples: Annotated[
        int, typer.Option(min=1, help="Rewrites that the teacher writes of a query.")
    ] = 2,
    teacher_temperature: Annotated[
        float, typer.Option(min=0, help="At which it writes; 0 takes the likeliest.")
    ] = 0.7,
    rewrite_tokens: RewriteTokensOption = 16,
    seed: SeedOption = 0,
) -> None:
    """Distil a small student: warm-up on a teacher's rewrites, then reverse KL on its own.

    Checkpoints are WORK/distilled and, after the warm-up, WORK/distilled.warmed. Goes on where it
    was interrupted. Prints how far
    the student is from its teacher after either, on held-out queries.

    Examples:

        qrm rl-qr distill ./work

        qrm rl-qr distill ./work --rewrites ./work/asked.jsonl --pairs --on-policy-steps 0

        qrm rl-qr distill ./work --teacher ./teacher --scratch 8000,4,256,4 --samples 4
    """
    need_training(PACKAGE)
    from qrmiddleware.distill.causal.generation import Decoding
    from qrmiddleware.distill.training import is_main_process
    from qrmiddleware.recipes.causal import CausalFitting
    from qrmiddleware_rl_qr.recipes import distilling as stage
    from qrmiddleware_rl_qr.recipes.tuning import TEACHER

    usual = work / TEACHER
    if teacher is None and on_policy_steps:
        teacher = made_by("qrm rl-qr teacher", usual, "--teacher")
    elif teacher is None and rewrites is None and usual.is_dir():
        teacher = usual
    on_policy = None
    if on_policy_steps:
        on_policy = CausalFitting(on_policy_steps, on_policy_rate, rows, at_once, max_tokens, seed)
    target = to or work / stage.DISTILLED
    plan = stage.DistillPlan(
        beginning_of(base, scratch or ("" if base else "8000,4,256,4")),
        CausalFitting(steps, rate, rows, at_once, max_tokens, seed),
        on_policy,
        teacher,
        rewrites,
        also_pairs,
        Decoding(rewrite_tokens, teacher_temperature, samples, seed),
        Decoding(rewrite_tokens, 1.0, seed=seed),
        temperature,
    )
    with counting("the teacher rewrites") as bar:
        task = bar.tasks[0].id
        made = stage.distill(
            work,
            plan,
            target,
            tell=lambda done, total: bar.update(task, completed=done, total=total),
        )
    if is_main_process():
        _say(target, made)


def _say(target: Path, made: "Distilled") -> None:
    shares = made.teacher_parameters
    size = f", {made.parameters / shares:.1%} of its teacher's" if shares else ""
    say(
        f"{target}: {made.parameters:,} parameters{size}; learnt {made.rewrites:,} rewrites "
        f"({made.dropped:,} were left out)"
    )
    for name, told in (("warm-up", made.warmed), ("end", made.distilled)):
        if told is not None:
            say(
                f"after the {name}: {told.reverse_kl:.3f} nats a token from its teacher, which "
                f"gives its rewrites {told.teacher_log_probability:.3f} a token"
            )


def student(
    work: FolderArgument,
    to: ToOption,
    checkpoint: Annotated[
        Path | None, typer.Option(help="That rewrites; else WORK/distilled.")
    ] = None,
    teacher: Annotated[str, typer.Option(help="Who it learnt from, for the folder.")] = "",
    stored: StoredOption = "int8",
    replace: ReplaceOption = False,
    licence: LicenceOption = "",
    seed: SeedOption = 0,
) -> None:
    """Export a checkpoint as a generator for serving.

    Nothing is written unless its greedy rewrites are the checkpoint's, on 95 of 100 queries; very
    small models may need --stored float32.

    Examples:

        qrm rl-qr student ./work --to ./models/rl_qr
    """
    need_training(PACKAGE)
    from qrmiddleware_rl_qr.recipes import pairs as gathered
    from qrmiddleware_rl_qr.recipes.distilling import DISTILLED
    from qrmiddleware_rl_qr.recipes.exporting import export_rewriter

    file = work / gathered.PAIRS
    made = export_rewriter(
        checkpoint or made_by("qrm rl-qr distill", work / DISTILLED, "--checkpoint"),
        to,
        pairs=gathered.read_pairs(file),
        teacher=teacher,
        seed=seed,
        data={gathered.PAIRS: gathered.file_hash(file)},
        licence=licence,
        stored=stored,
        replace=replace,
    )
    told = "" if made.parity is None else f"; {made.parity.equal_outputs:.1%} equal rewrites"
    say(f"{to}: {made.architecture.parameters:,} parameters{told}")

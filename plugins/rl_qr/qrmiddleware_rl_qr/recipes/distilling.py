"""Offline distillation of a rewriter: warm-up on a teacher's rewrites, then on-policy reverse KL.

Source: MiniELM, arXiv:2501.18056 (reverse KL of a student from its teacher); that the student's own
rewrites are scored, after a warm-up, is our reading.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Final

from qrmiddleware.distill.causal.generation import Decoding
from qrmiddleware.distill.causal.models import CausalLm, Size, causal_like, load_causal
from qrmiddleware.distill.rewriting.pair_sources import objection
from qrmiddleware.distill.rewriting.query_pairs import TRAIN, VALID
from qrmiddleware.distill.rewriting.rewrite_form import (
    RewriteForm,
    RewriteReader,
    form_for,
    read_rewrite_form,
    write_rewrite_form,
)
from qrmiddleware.distill.rewriting.rows import RewritePair
from qrmiddleware.distill.training import is_main_process
from qrmiddleware.distill.weights import add_files
from qrmiddleware.errors import ConfigError
from qrmiddleware.recipes.causal import (
    Beginning,
    CausalFitting,
    check_place,
    own_device,
    save_whole,
)
from qrmiddleware.recipes.draws import Asked as ToDraw
from qrmiddleware.recipes.draws import draw
from qrmiddleware.recipes.pretraining import CHECKPOINTS
from qrmiddleware_rl_qr.recipes.exporting import form_of
from qrmiddleware_rl_qr.recipes.on_policy import (
    BUDGET,
    Apart,
    Asked,
    apart,
    check_tokenizers,
    learn_on_policy,
)
from qrmiddleware_rl_qr.recipes.pairs import (
    PAIRS,
    of_split,
    read_pairs,
    write_pairs,
)
from qrmiddleware_rl_qr.recipes.tuning import learn_pairs

DISTILLED: Final = "distilled"
WRITTEN: Final = "teacher.rewrites.jsonl"
DRAWS: Final = "teacher.draws.jsonl"
DECODING: Final = Decoding(16, temperature=1.0)
TEACHING: Final = Decoding(16, temperature=0.7, samples=2)

Tell = Callable[[int, int], object]


@dataclass(frozen=True, slots=True)
class DistillPlan:
    """What is distilled, and how.

    Attributes:
        student: Checkpoint, or a size to begin from nothing with.
        warming: How the warm-up learns.
        on_policy: How it goes on with its own rewrites; ``None`` ends after the warm-up.
        teacher: Checkpoint that was taught to rewrite; ``None`` if only its rewrites are there.
        rewrites: File of a teacher's rewrites; ``None`` has the teacher write them.
        also_pairs: The warm-up learns from the gathered pairs too.
        teaching: How the teacher writes.
        decoding: How the student writes.
        temperature: Softens both in the loss.
        held_out: Queries that the student is measured on, at most.
    """

    student: Beginning
    warming: CausalFitting
    on_policy: CausalFitting | None = None
    teacher: Path | None = None
    rewrites: Path | None = None
    also_pairs: bool = False
    teaching: Decoding = TEACHING
    decoding: Decoding = DECODING
    temperature: float = 1.0
    held_out: int = 200


@dataclass(frozen=True, slots=True)
class Distilled:
    """What came of it.

    Attributes:
        rewrites: Learnt in the warm-up.
        dropped: Of those that the teacher wrote, left out.
        warmed: How far the student was from its teacher after the warm-up, on held-out queries;
            ``None`` where nobody could measure it.
        distilled: How far it is now.
        parameters: Of the student.
        teacher_parameters: Of the teacher, if it is a checkpoint.
    """

    rewrites: int
    dropped: int
    warmed: Apart | None
    distilled: Apart | None
    parameters: int
    teacher_parameters: int | None


@dataclass(frozen=True, slots=True)
class _Teacher:
    lm: CausalLm
    reader: RewriteReader


def distill(
    work: Path, plan: DistillPlan, target: Path, *, tell: Tell = lambda _, __: None
) -> Distilled:
    """Train a student, step by step; each goes on where it was interrupted.

    Args:
        work: Folder of the training, with its pairs.
        plan: What is distilled, and how.
        target: Folder of the checkpoint to make; that of the warm-up stands beside it, and ends in
            ``.warmed``.
        tell: Called with the queries that the teacher has rewritten, and all of them.

    Raises:
        ConfigError: If there is neither a teacher nor a file of rewrites, or the student cannot
            learn from the teacher's tokens.
    """
    check_place(target)
    teacher = _teacher(plan)
    pairs = read_pairs(work / PAIRS)
    learnt, dropped = _lessons(work, plan, teacher, of_split(pairs, TRAIN), tell)
    student, form = _begin(plan, teacher, learnt)
    warm = target.with_name(f"{target.name}.warmed") if plan.on_policy else target
    taught = learn_pairs(
        student, form, learnt, work, warm, fitting=plan.warming, what="learning rewrites"
    )
    _wait_for_everyone()
    held = of_split(pairs, VALID)[: plan.held_out]
    warmed = _measured(warm, teacher, held, plan)
    if plan.on_policy is not None and teacher is not None:
        student = load_causal(str(warm))
        learn_on_policy(
            student,
            teacher.lm,
            _asked(RewriteReader(student, form), teacher.reader, of_split(pairs, TRAIN)),
            fitting=plan.on_policy,
            decoding=plan.decoding,
            temperature=plan.temperature,
            checkpoints=work / CHECKPOINTS / target.resolve().name,
        )
        if is_main_process():
            save_whole(student, target, lambda draft: write_rewrite_form(draft, form))
    return Distilled(
        taught.pairs,
        dropped,
        warmed,
        _measured(target, teacher, held, plan) if plan.on_policy else warmed,
        student.model.num_parameters(),
        None if teacher is None else teacher.lm.model.num_parameters(),
    )


def _teacher(plan: DistillPlan) -> _Teacher | None:
    if plan.teacher is not None:
        lm = load_causal(str(plan.teacher))
        return _Teacher(lm, RewriteReader(lm, form_of(str(plan.teacher))))
    if plan.on_policy is not None:
        message = (
            "learning on-policy needs a teacher that scores each token: name a checkpoint "
            "(--teacher; `qrm rl-qr teacher` makes one), or stop after the warm-up "
            "(--on-policy-steps 0)"
        )
        raise ConfigError(message)
    if plan.rewrites is None and not plan.also_pairs:
        message = (
            "nobody teaches: name a checkpoint (--teacher), a file of rewrites (--rewrites; "
            "`qrm rl-qr ask` makes one), or learn from the pairs (--pairs)"
        )
        raise ConfigError(message)
    return None


def _lessons(
    work: Path,
    plan: DistillPlan,
    teacher: _Teacher | None,
    pairs: Sequence[RewritePair],
    tell: Tell,
) -> tuple[list[RewritePair], int]:
    """Return what the warm-up learns from, and how much of it was left out."""
    written: list[RewritePair] = []
    dropped = 0
    if plan.rewrites is not None:
        told = read_pairs(plan.rewrites)
        written = [pair for pair in told if pair.split in {"", TRAIN}]
        dropped = len(told) - len(written)
    elif teacher is not None:
        written, dropped = _teacher_writes(work, plan, teacher, pairs, tell)
        if is_main_process():
            write_pairs(work / WRITTEN, written)
    return [*written, *(pairs if plan.also_pairs else ())], dropped


def _teacher_writes(
    work: Path,
    plan: DistillPlan,
    teacher: _Teacher,
    pairs: Sequence[RewritePair],
    tell: Tell,
) -> tuple[list[RewritePair], int]:
    teacher.lm.model.to(own_device())
    by = identity(Path(teacher.lm.base))
    prompts = {pair.query: teacher.reader.prompt(pair.query) for pair in pairs}
    asked = [ToDraw(query, ids) for query, ids in prompts.items() if ids]
    drawn = draw(teacher.lm, asked, plan.teaching, work / DRAWS, by=by, budget=BUDGET, tell=tell)
    found: dict[tuple[str, str], RewritePair] = {}
    every = 0
    for each, responses in zip(asked, drawn, strict=True):
        for said in responses:
            every += 1
            text = " ".join(said.text.split())
            if said.ended and not objection(each.key, text):
                pair = RewritePair(query=each.key, rewrite=text, source=f"lm:{by}", split=TRAIN)
                found[each.key, text] = pair
    return list(found.values()), every - len(found)


def _begin(
    plan: DistillPlan, teacher: _Teacher | None, pairs: Sequence[RewritePair]
) -> tuple[CausalLm, RewriteForm]:
    """Return the student as it begins, with the teacher's tokens where there is a teacher."""
    base, seed = plan.student.base, plan.warming.seed
    if isinstance(base, Size) and teacher is not None and plan.on_policy is not None:
        own, told = RewriteForm(), teacher.reader.form
        form = replace(
            own,
            max_query_tokens=max(own.max_query_tokens, told.max_query_tokens),
            max_tokens=max(own.max_tokens, told.max_tokens),
        )
        return causal_like(teacher.lm.tokenizer, base, seed=seed), form
    texts = (text for pair in pairs for text in (f"{pair.query}\n", pair.rewrite))
    student = plan.student.load(texts, seed=seed)
    if teacher is not None and plan.on_policy is not None:
        check_tokenizers(student, teacher.lm)
    return student, read_rewrite_form(plan.student.told) or form_for(student)


def _asked(
    student: RewriteReader, teacher: RewriteReader, pairs: Sequence[RewritePair]
) -> list[Asked]:
    queries = dict.fromkeys(pair.query for pair in pairs)
    both = (Asked(student.prompt(query), teacher.prompt(query)) for query in queries)
    return [each for each in both if each.student and each.teacher]


def _measured(
    checkpoint: Path,
    teacher: _Teacher | None,
    pairs: Sequence[RewritePair],
    plan: DistillPlan,
) -> Apart | None:
    """Measure a checkpoint on held-out queries, if a teacher with its tokens is there."""
    if teacher is None or plan.on_policy is None or not pairs or not is_main_process():
        return None
    student = load_causal(str(checkpoint))
    reader = RewriteReader(student, form_of(str(checkpoint)))
    return apart(student, teacher.lm, _asked(reader, teacher.reader, pairs), plan.decoding)


def _wait_for_everyone() -> None:
    """Let the process that writes finish before others read what it wrote."""
    from accelerate import PartialState  # noqa: PLC0415 loads torch

    PartialState().wait_for_everyone()


def identity(folder: Path) -> str:
    """Return a checkpoint's name, with a hash of its files."""
    told = sha256()
    add_files(told, folder)
    return f"{folder.resolve().name}:{told.hexdigest()[:8]}"

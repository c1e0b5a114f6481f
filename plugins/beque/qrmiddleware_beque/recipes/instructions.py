"""What a generator is taught, as instructions with their answers: four tasks in one file.

Source: BEQUE, arXiv:2311.03758: rewriting; quality classification (does a rewrite keep the
meaning: yes or no); title prediction (of a product that users of the query interacted with
strongly); and a chain of thought (a rewrite with its reason). The words are ours, and so is that
a reason comes before its rewrite.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final, Literal, TypeAlias

import msgspec

from qrmiddleware.distill.chance import dice, sampled, shuffled
from qrmiddleware.distill.rewriting.row_files import read_rows, write_rows
from qrmiddleware.distill.rewriting.rows import RewritePair
from qrmiddleware.distill.splits import refuse_leaks
from qrmiddleware.errors import ConfigError
from qrmiddleware_beque.prompts.tasks import Prompts, load_prompts, one_line
from qrmiddleware_beque.recipes.rewriter import hashes_of, plain

INSTRUCTIONS: Final = "instructions.jsonl"
STATE: Final = "instructions.json"

Task: TypeAlias = Literal["rewrite", "quality", "title", "reasoned"]
LEARNT: Final = frozenset({"", "train"})
"""Splits that are for training."""
TASKS: Final[tuple[Task, ...]] = ("rewrite", "quality", "title", "reasoned")


class Instruction(msgspec.Struct, frozen=True, kw_only=True):
    """A prompt and its answer; one line of the file.

    Attributes:
        task: Which of the four.
        query: That it is about.
        prompt: As the model is told, before any chat template.
        answer: What it is to learn.
    """

    task: Task
    query: str
    prompt: str
    answer: str


class JudgedRewrite(msgspec.Struct, frozen=True, kw_only=True):
    """A rewrite, and whether it keeps what its query means; one line of a file of verdicts."""

    query: str
    rewrite: str
    good: bool


class Title(msgspec.Struct, frozen=True, kw_only=True):
    """The title of a product that answers a query."""

    query: str
    title: str


@dataclass(frozen=True, slots=True)
class Amounts:
    """Instructions of each task at most; 0 leaves it out, and ``None`` takes all there are."""

    rewrite: int | None = None
    quality: int | None = 50_000
    title: int | None = 50_000
    reasoned: int | None = 50_000


@dataclass(frozen=True, slots=True)
class Lessons:
    """What instructions are made of.

    Attributes:
        pairs: With and without reasons; what is split off for other uses is left out.
        verdicts: On rewrites.
        titles: By query.
        held_out: Queries that nothing may be learnt of.
        seen_folds: Folds of the judged queries that titles come from.
        files: That all this was read from, for the record.
    """

    pairs: Sequence[RewritePair]
    verdicts: Sequence[JudgedRewrite] = ()
    titles: Sequence[Title] = ()
    held_out: Sequence[str] = ()
    seen_folds: tuple[int, ...] = ()
    files: Sequence[Path] = ()


@dataclass(frozen=True, slots=True)
class InstructPlan:
    """How instructions are made and mixed.

    Attributes:
        amounts: Of each task.
        prompts: In which words.
        seed: Of the choice and the order.
    """

    amounts: Amounts = field(default_factory=Amounts)
    prompts: Prompts = field(default_factory=load_prompts)
    seed: int = 0


class Instructed(msgspec.Struct, frozen=True, kw_only=True):
    """What was made; kept as ``instructions.json`` beside it.

    Attributes:
        counts: Instructions by task.
        prompts: In which words.
        sources: Who says that pairs mean the same.
        seen_folds: Folds of judged queries that may be learnt from.
        held_out: Queries that are kept out, here and in what is trained later.
        data: SHA-256 of what they are made of, and of the instructions, by file name.
        settings: As they were given.
    """

    counts: dict[str, int]
    prompts: Prompts
    sources: tuple[str, ...]
    seen_folds: tuple[int, ...]
    held_out: tuple[str, ...]
    data: dict[str, str]
    settings: dict[str, object]


def instruct(work: Path, lessons: Lessons, plan: InstructPlan) -> Instructed:
    """Write the instructions of a training.

    Raises:
        ConfigError: If there is no pair to learn from, or a query that is held out among what
            would be learnt.
    """
    pairs = [pair for pair in lessons.pairs if pair.split in LEARNT and pair.rewrite.strip()]
    if not pairs:
        message = (
            f"of {len(lessons.pairs):,} pairs none is for training: pairs without a split, or of "
            "the split train, are learnt"
        )
        raise ConfigError(message)
    others = [pair.query for pair in lessons.pairs if pair.split not in LEARNT]
    learnt = [each.query for group in (pairs, lessons.verdicts, lessons.titles) for each in group]
    held_out = tuple(dict.fromkeys((*lessons.held_out, *others)))
    refuse_leaks(learnt, held_out)
    made = mixed(pairs, lessons, plan)
    write_rows(work / INSTRUCTIONS, made)
    counts = Counter(each.task for each in made)
    told = Instructed(
        counts={task: counts[task] for task in TASKS},
        prompts=plan.prompts,
        sources=tuple(sorted({pair.source or "unknown" for pair in pairs})),
        seen_folds=lessons.seen_folds,
        held_out=held_out,
        data=hashes_of((*lessons.files, work / INSTRUCTIONS)),
        settings=plain({"amounts": asdict(plan.amounts), "seed": plan.seed}),
    )
    (work / STATE).write_bytes(msgspec.json.format(msgspec.json.encode(told), indent=2))
    return told


def mixed(pairs: Sequence[RewritePair], lessons: Lessons, plan: InstructPlan) -> list[Instruction]:
    """Draw each task's instructions and mix them; the same seed draws and mixes the same."""
    ask = plan.prompts.ask
    makers: Mapping[Task, Callable[[], Iterable[Instruction]]] = {
        "rewrite": lambda: (_rewrite(pair, ask("rewrite", query=pair.query)) for pair in pairs),
        "quality": lambda: (_quality(each, plan.prompts) for each in lessons.verdicts),
        "title": lambda: (_title(each, ask("title", query=each.query)) for each in lessons.titles),
        "reasoned": lambda: (_reasoned(pair, plan.prompts) for pair in pairs if pair.reason),
    }
    found: list[Instruction] = []
    for task in TASKS:
        every = list(dict.fromkeys(_whole(makers[task]())))
        amount = getattr(plan.amounts, task)
        rng = dice(plan.seed, task)
        found += every if amount is None else sampled(every, amount, rng)
    return shuffled(found, dice(plan.seed))


def _whole(made: Iterable[Instruction]) -> Iterator[Instruction]:
    """Leave out what has no query, or nothing to learn."""
    return (each for each in made if each.query.strip() and each.answer.strip())


def _rewrite(pair: RewritePair, prompt: str) -> Instruction:
    answer = one_line(pair.rewrite)
    return Instruction(task="rewrite", query=pair.query, prompt=prompt, answer=answer)


def _quality(judged: JudgedRewrite, prompts: Prompts) -> Instruction:
    prompt = prompts.ask("quality", query=judged.query, rewrite=judged.rewrite)
    answer = "yes" if judged.good else "no"
    return Instruction(task="quality", query=judged.query, prompt=prompt, answer=answer)


def _title(told: Title, prompt: str) -> Instruction:
    return Instruction(task="title", query=told.query, prompt=prompt, answer=one_line(told.title))


def _reasoned(pair: RewritePair, prompts: Prompts) -> Instruction:
    return Instruction(
        task="reasoned",
        query=pair.query,
        prompt=prompts.ask("reasoned", query=pair.query),
        answer=prompts.ask("reasoned answer", reason=pair.reason, rewrite=pair.rewrite),
    )


def read_instructed(work: Path) -> Instructed:
    """Read what was made.

    Raises:
        ConfigError: If nothing was.
    """
    try:
        return msgspec.json.decode((work / STATE).read_bytes(), type=Instructed)
    except (OSError, msgspec.MsgspecError) as error:
        message = f"{work} holds no instructions ({error}): run `qrm beque instruct` first"
        raise ConfigError(message) from error


def held_out_of(work: Path) -> tuple[str, ...]:
    """Return the queries that a training keeps out; none where there are no instructions."""
    return read_instructed(work).held_out if (work / STATE).is_file() else ()


def read_instructions(work: Path) -> list[Instruction]:
    """Read the instructions of a training."""
    return list(read_rows(work / INSTRUCTIONS, Instruction))

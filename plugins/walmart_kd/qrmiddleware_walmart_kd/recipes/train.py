"""Margin distillation as in Walmart's arXiv:2505.07105, read from its abstract: the loops.

Teacher and student are cross-encoders and learn in one loop, ``fit``; only what they learn from
and the loss differ. The abstract says: the teacher is a classifier with soft targets, the student
learns margins between two products of a query by their mean squared error, on many more pairs
than the teacher, which the teacher labels. The rest is our reading, and stands as a constant here
or as an argument.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, get_args

from qrmiddleware.distill.batching import Encoded, encode_pairs, in_lists, pair_logits
from qrmiddleware.distill.checkpoints import Learning, Progressed, resume, save_checkpoint
from qrmiddleware.distill.labels import Label
from qrmiddleware.distill.lists import Candidate, QueryList, Sampling, batches, own_share
from qrmiddleware.distill.losses import RAW, Scale, hard_bce, margin_mse, pointwise_mse, soft_bce
from qrmiddleware.distill.modelling import Encoder
from qrmiddleware.distill.training import (
    adamw,
    best_precision,
    learn,
    linear_schedule,
    reporting,
    seed_everything,
)
from qrmiddleware.errors import ConfigError

if TYPE_CHECKING:
    from torch import Tensor

LossName: TypeAlias = Literal["margin", "pointwise", "soft", "hard"]
LOSSES: Final[tuple[LossName, ...]] = get_args(LossName)
LOGIT_LOSSES: Final = ("margin", "pointwise")
"""These compare logits; the others compare with probabilities."""

WARMUP: Final = 0.08
"""Share of the steps in which the rate still rises."""
FORWARD_TOKENS: Final = 4096
"""Of one forward pass, padding included."""
SAVE_EVERY: Final = 200
"""Steps between checkpoints."""
RELEVANT: Final = 0.5
"""The target from which the hard-label baseline calls a product relevant."""
JUDGED: Final = "judgments:"
"""Teachers of that name are people."""


@dataclass(frozen=True, slots=True)
class Fitting:
    """How long and how a model learns.

    Attributes:
        steps: Updates of the weights.
        rate: The highest learning rate.
        queries: Lists in a batch.
        hits: Products of a list at most.
        max_query_tokens: A query's tokens beyond are cut off.
        max_tokens: Of query and text together.
        judged_share: Share of judged lists in a batch; ``None`` takes lists as they come.
        seed: Of everything that is drawn.
    """

    steps: int
    rate: float
    queries: int = 8
    hits: int = 8
    max_query_tokens: int = 24
    max_tokens: int = 96
    judged_share: float | None = None
    seed: int = 0


def lists_of(labels: Iterable[Label], *, logits: bool) -> list[QueryList]:
    """Group labels into a list for each query, in the order in which queries first come.

    Where several teachers label a pair, the later label counts, so that judgments go last.

    Args:
        labels: Of one teacher, or of several.
        logits: Targets are log-odds instead of probabilities.
    """
    found: dict[tuple[str, bool], dict[str, float]] = {}
    for label in labels:
        key = (label.query, label.teacher.startswith(JUDGED))
        found.setdefault(key, {})[label.doc_id] = label.log_odds() if logits else label.target
    return [
        QueryList(query, tuple(Candidate(*item) for item in targets.items()), judged)
        for (query, judged), targets in found.items()
    ]


def mean_of_teachers(teachers: Sequence[Sequence[Label]]) -> list[QueryList]:
    """Average several teachers' log-odds, each standardised over all of its labels.

    Only pairs that all of them label are kept. One teacher alone is kept as it is.

    Raises:
        ConfigError: If no pair is labelled by all.
    """
    if len(teachers) == 1:
        return lists_of(teachers[0], logits=True)
    tables = []
    for labels in teachers:
        scale = Scale.measured([label.log_odds() for label in labels])
        tables.append(
            {
                (label.query, label.doc_id): (label.log_odds() - scale.mean) / scale.deviation
                for label in labels
            }
        )
    found: dict[str, list[Candidate]] = {}
    for query, doc_id in tables[0]:
        values = [table[query, doc_id] for table in tables if (query, doc_id) in table]
        if len(values) == len(tables):
            mean = sum(values) / len(values)
            found.setdefault(query, []).append(Candidate(doc_id, mean))
    if not found:
        message = f"no pair is labelled by all {len(teachers)} teachers: label the same pairs"
        raise ConfigError(message)
    return [QueryList(query, tuple(candidates)) for query, candidates in found.items()]


def mean_targets(teachers: Sequence[Sequence[Label]]) -> list[QueryList]:
    """Average several teachers' targets, 0..1, of the pairs that all of them label."""
    if len(teachers) == 1:
        return lists_of(teachers[0], logits=False)
    tables = [
        {(label.query, label.doc_id): label.target for label in labels} for labels in teachers
    ]
    found: dict[str, list[Candidate]] = {}
    for query, doc_id in tables[0]:
        values = [table[query, doc_id] for table in tables if (query, doc_id) in table]
        if len(values) == len(tables):
            found.setdefault(query, []).append(Candidate(doc_id, sum(values) / len(values)))
    return [QueryList(query, tuple(candidates)) for query, candidates in found.items()]


def learnt_lists(loss: LossName, teachers: Sequence[Sequence[Label]]) -> list[QueryList]:
    """Return what a student learns from: the teachers' targets on the loss's scale."""
    return mean_of_teachers(teachers) if loss in LOGIT_LOSSES else mean_targets(teachers)


def first_lists(lists: Sequence[QueryList], share: float) -> list[QueryList]:
    """Keep the first share of lists, at least one, so that a larger share holds a smaller one."""
    return list(lists[: max(1, round(share * len(lists)))])


def loss_for(name: LossName, lists: Sequence[QueryList]) -> "Callable[..., Tensor]":
    """Return the loss of (student, teacher, mask), all of shape (queries, hits).

    Margins and single logits are compared with the teacher's standardised over ``lists``: raw
    ones reach so far from 0 that a student spends its first steps on growing.
    """
    if name in LOGIT_LOSSES:
        targets = [candidate.target for item in lists for candidate in item.candidates]
        scale = Scale.measured(targets) if len(set(targets)) > 1 else RAW
        compared = margin_mse if name == "margin" else pointwise_mse
        return lambda student, teacher, mask: compared(student, teacher, mask=mask, scale=scale)
    if name == "soft":
        return lambda student, teacher, mask: soft_bce(student, teacher, mask=mask)
    return lambda student, teacher, mask: hard_bce(student, teacher >= RELEVANT, mask=mask)


def fit(
    encoder: Encoder,
    lists: Sequence[QueryList],
    texts: Mapping[str, str],
    *,
    loss: "Callable[..., Tensor]",
    fitting: Fitting,
    checkpoints: Path,
    what: str,
) -> None:
    """Train a cross-encoder in place; goes on from the newest checkpoint, if there is one.

    Args:
        encoder: Learns.
        lists: Queries and their products with targets.
        texts: By ``doc_id``, what is read of a product.
        loss: Of (student, teacher, mask), shape (queries, hits).
        fitting: How.
        checkpoints: Folder of this training alone; its content is replaced as it goes.
        what: What is trained, for the progress bar.

    Raises:
        ConfigError: If the checkpoint there was begun with other settings.
        FloatingPointError: If the loss is no number any more.
    """
    from accelerate import Accelerator  # noqa: PLC0415 loads torch

    seed_everything(fitting.seed)
    accelerator = Accelerator(mixed_precision=best_precision())
    optimizer = adamw(encoder.model, rate=fitting.rate)
    schedule = linear_schedule(
        optimizer, warmup_steps=int(WARMUP * fitting.steps), steps=fitting.steps
    )
    model, optimizer = accelerator.prepare(encoder.model, optimizer)
    learning = Learning(accelerator, model, optimizer, schedule)
    settings: dict[str, Any] = asdict(fitting) | {"what": what, "lists": len(lists)}
    if encoder.lora is not None:  # frozen weights are in no checkpoint: they must be the same
        settings |= {"base": encoder.base, "lora": asdict(encoder.lora)}
    done = resume(checkpoints, learning, settings=settings)
    sampling = Sampling(fitting.queries, fitting.hits, fitting.seed, fitting.judged_share)
    model.train()
    shown = accelerator.is_main_process
    with reporting(what, steps=fitting.steps, done=done.step, shown=shown) as report:
        endless = batches(lists, sampling, start=done.position)
        for step in range(done.step + 1, fitting.steps + 1):
            batch, position = next(endless)
            mine = own_share(
                batch,
                process=accelerator.process_index,
                processes=accelerator.num_processes,
            )
            value = _loss(encoder, model, mine, texts, loss=loss, fitting=fitting)
            told = learn(
                value,
                accelerator=accelerator,
                model=model,
                optimizer=optimizer,
                schedule=schedule,
            )
            report(step, told)
            if step % SAVE_EVERY == 0 or step == fitting.steps:
                save_checkpoint(
                    checkpoints, learning, Progressed(step, position), settings=settings
                )
    encoder.model.eval()


def _loss(
    encoder: Encoder,
    model: Any,  # noqa: ANN401 what accelerate made of the encoder's
    batch: Sequence[QueryList],
    texts: Mapping[str, str],
    *,
    loss: "Callable[..., Tensor]",
    fitting: Fitting,
) -> "Tensor":
    import torch

    rows = [row for item in batch for row in rows_of(encoder, item, texts, fitting=fitting)]
    sizes = [len(item.candidates) for item in batch]
    pad = encoder.tokenizer.pad_token_id
    logits = pair_logits(model, rows, pad=pad, budget=FORWARD_TOKENS)
    wanted = torch.tensor(
        [candidate.target for item in batch for candidate in item.candidates],
        device=logits.device,
    )
    student, mask = in_lists(logits[:, 0], sizes)
    teacher, _ = in_lists(wanted, sizes)
    return loss(student, teacher, mask)


def rows_of(
    encoder: Encoder, item: QueryList, texts: Mapping[str, str], *, fitting: Fitting
) -> list[Encoded]:
    """Encode a query with the texts of its products."""
    return encode_pairs(
        encoder.tokenizer,
        item.query,
        [texts[candidate.doc_id] for candidate in item.candidates],
        max_query_tokens=fitting.max_query_tokens,
        max_tokens=fitting.max_tokens,
        frame=encoder.frame,
    )


def logits_of(
    encoder: Encoder,
    lists: Sequence[QueryList],
    texts: Mapping[str, str],
    *,
    fitting: Fitting,
) -> list[list[float]]:
    """Score lists with a trained cross-encoder, for calibration and measuring."""
    import torch

    encoder.model.eval()
    pad = encoder.tokenizer.pad_token_id
    found: list[list[float]] = []
    with torch.inference_mode():
        for item in lists:
            rows = rows_of(encoder, item, texts, fitting=fitting)
            logits = pair_logits(encoder.model, rows, pad=pad, budget=FORWARD_TOKENS)
            found.append(logits[:, 0].tolist())
    return found

"""How cross-encoders learn from lists of queries' products, and score them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from qrmiddleware.distill.batching import Encoded, encode_pairs, in_lists, pair_logits
from qrmiddleware.distill.lists import QueryList, Sampling, batches
from qrmiddleware.distill.modelling import Encoder
from qrmiddleware.recipes.loop import Course, Lessons, train

if TYPE_CHECKING:
    from torch import Tensor


Loss: TypeAlias = "Callable[[Any, Sequence[QueryList]], Tensor]"
"""Of a model, as accelerate made it of an encoder's, and a batch of lists."""
Compared: TypeAlias = "Callable[[Tensor, Tensor, Tensor], Tensor]"
"""Of (student, teacher, mask), all of shape (queries, hits)."""
FORWARD_TOKENS: Final = 4096
"""Of one forward pass, padding included."""


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


def fit(
    encoder: Encoder,
    lists: Sequence[QueryList],
    *,
    loss: Loss,
    fitting: Fitting,
    checkpoints: Path,
    what: str,
) -> None:
    """Train a cross-encoder in place; goes on from the newest checkpoint, if there is one.

    Args:
        encoder: Learns.
        lists: Queries and their products with targets.
        loss: Of a batch.
        fitting: How.
        checkpoints: Folder of this training alone; its content is replaced as it goes.
        what: What is trained, for the progress bar.

    Raises:
        ConfigError: If the checkpoint there was begun with other settings.
        FloatingPointError: If the loss is no number any more.
    """
    settings: dict[str, Any] = asdict(fitting) | {"what": what, "lists": len(lists)}
    if encoder.lora is not None:  # frozen weights are in no checkpoint: they must be the same
        settings |= {"base": encoder.base, "lora": asdict(encoder.lora)}
    sampling = Sampling(fitting.queries, fitting.hits, fitting.seed, fitting.judged_share)
    train(
        encoder.model,
        Lessons(lambda start: batches(lists, sampling, start=start), loss),
        Course(fitting.steps, fitting.rate, fitting.seed, what, settings),
        checkpoints=checkpoints,
    )


def list_loss(
    encoder: Encoder, texts: Mapping[str, str], compared: Compared, *, fitting: Fitting
) -> Loss:
    """Return the loss of a cross-encoder's single logits on whole lists.

    Args:
        encoder: Learns.
        texts: By ``doc_id``, what is read of a product.
        compared: What is made of them.
        fitting: How the encoder reads.
    """

    def loss(model: Any, batch: Sequence[QueryList]) -> "Tensor":  # noqa: ANN401 wrapped
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
        return compared(student, teacher, mask)

    return loss


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

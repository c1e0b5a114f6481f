"""What a training begins with: a checkpoint, a part of one, or nothing."""

from dataclasses import dataclass
from pathlib import Path

from qrmiddleware.distill.modelling import Encoder, load_encoder, tiny_encoder
from qrmiddleware.distill.pair_files import read_pairs
from qrmiddleware.recipes.gathering import PAIRS


@dataclass(frozen=True, slots=True)
class Tiny:
    """A student from scratch: word pieces of its own, random weights."""

    vocabulary: int
    layers: int
    hidden: int
    heads: int


def begin(
    work: Path,
    base: str | Tiny,
    *,
    layers: int | tuple[int, ...] | None = None,
    num_labels: int = 1,
    seed: int = 0,
) -> Encoder:
    """Return a cross-encoder to train.

    Args:
        work: Folder of the training, whose texts a vocabulary is made of.
        base: Checkpoint, or a size to begin from scratch with.
        layers: Of a checkpoint, how many of the first, or which; all if ``None``.
        num_labels: Logits of a pair.
        seed: Of what is random.
    """
    if not isinstance(base, Tiny):
        return load_encoder(base, layers=layers, num_labels=num_labels, seed=seed)
    texts = (text for pair in read_pairs(work / PAIRS) for text in (pair.query, pair.text))
    return tiny_encoder(
        texts,
        vocabulary=base.vocabulary,
        layers=base.layers,
        hidden=base.hidden,
        heads=base.heads,
        num_labels=num_labels,
        seed=seed,
    )

"""What the students look like from outside: their sizes, and what they are for."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from qrmiddleware_benchmarks.students.errors import StudentsError

_GATED = {"llama", "qwen2", "qwen3"}
_DEFAULT_LABELS = 2


class Task(StrEnum):
    """What a student is asked for."""

    CROSS_ENCODER = "cross-encoder"
    BI_ENCODER = "bi-encoder"
    GENERATOR = "generator"


@dataclass(frozen=True, slots=True)
class Shape:
    """The size of a student.

    Attributes:
        name: For people, such as ``"L6-H384"``.
        task: What it is asked for.
        layers: Of the encoder, or of the decoder.
        hidden: Width.
        heads: Of attention.
        intermediate: Width inside of the feed-forward block.
        vocabulary: Tokens that it knows.
        key_value_heads: Fewer than ``heads`` where heads share keys and values.
        head_size: Width of one head.
        labels: Outputs of a cross-encoder's head.
    """

    name: str
    task: Task
    layers: int
    hidden: int
    heads: int
    intermediate: int
    vocabulary: int
    key_value_heads: int
    head_size: int
    labels: int = 1


def encoder(task: Task, layers: int, hidden: int, heads: int, *, vocabulary: int = 30_522) -> Shape:
    """Return a BERT-like shape; the vocabulary is that of English WordPiece students."""
    return Shape(
        name=f"L{layers}-H{hidden}",
        task=task,
        layers=layers,
        hidden=hidden,
        heads=heads,
        intermediate=4 * hidden,
        vocabulary=vocabulary,
        key_value_heads=heads,
        head_size=hidden // heads,
    )


def decoder(layers: int, hidden: int, *, vocabulary: int = 8_000) -> Shape:
    """Return a Qwen3-like shape: shared keys and values, gated feed-forward block."""
    size = min(64, hidden // 2)
    heads = hidden // size
    return Shape(
        name=f"Qwen3-L{layers}-H{hidden}",
        task=Task.GENERATOR,
        layers=layers,
        hidden=hidden,
        heads=heads,
        intermediate=3 * hidden,
        vocabulary=vocabulary,
        key_value_heads=max(1, heads // 2),
        head_size=size,
    )


SHAPES = (
    encoder(Task.CROSS_ENCODER, 2, 128, 2),
    encoder(Task.CROSS_ENCODER, 3, 384, 12),
    encoder(Task.CROSS_ENCODER, 6, 384, 12),
    encoder(Task.BI_ENCODER, 2, 128, 2),
    encoder(Task.BI_ENCODER, 6, 384, 12),
    decoder(4, 256),
)
TINY = (
    encoder(Task.CROSS_ENCODER, 1, 64, 2, vocabulary=200),
    encoder(Task.BI_ENCODER, 1, 64, 2, vocabulary=200),
    decoder(1, 64, vocabulary=200),
)


def shape_of(name: str, config: Mapping[str, Any]) -> Shape:
    """Read the shape from a Hugging Face ``config.json``.

    Args:
        name: What to call it.
        config: The parsed file.

    Raises:
        StudentsError: If it is of an architecture that the benchmark cannot count or convert.
    """
    kind = config.get("model_type")
    if kind == "bert":
        return _bert(name, config)
    if kind in _GATED:
        return _gated(name, config)
    known = ", ".join(sorted({"bert", *_GATED}))
    message = f"{name}: model_type is {kind!r}, and the benchmark knows {known} only"
    raise StudentsError(message)


def _bert(name: str, config: Mapping[str, Any]) -> Shape:
    architectures = config.get("architectures") or ["BertModel"]
    classifies = architectures[0] == "BertForSequenceClassification"
    heads = config["num_attention_heads"]
    return Shape(
        name=name,
        task=Task.CROSS_ENCODER if classifies else Task.BI_ENCODER,
        layers=config["num_hidden_layers"],
        hidden=config["hidden_size"],
        heads=heads,
        intermediate=config["intermediate_size"],
        vocabulary=config["vocab_size"],
        key_value_heads=heads,
        head_size=config["hidden_size"] // heads,
        labels=len(config["id2label"]) if config.get("id2label") else _DEFAULT_LABELS,
    )


def _gated(name: str, config: Mapping[str, Any]) -> Shape:
    heads = config["num_attention_heads"]
    return Shape(
        name=name,
        task=Task.GENERATOR,
        layers=config["num_hidden_layers"],
        hidden=config["hidden_size"],
        heads=heads,
        intermediate=config["intermediate_size"],
        vocabulary=config["vocab_size"],
        key_value_heads=config.get("num_key_value_heads") or heads,
        head_size=config.get("head_dim") or config["hidden_size"] // heads,
    )

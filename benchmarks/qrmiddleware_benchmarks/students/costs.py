"""What a batch costs by arithmetic: floating-point operations and bytes, from the shape alone.

Counted are the matrix products, 2 operations a weight and token, and attention's two products.
Not counted: embeddings, softmax, norms, activations and biases, a few per cent. Padding is not
counted: it is work that a runtime may save.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from qrmiddleware_benchmarks.students.shapes import Shape, Task
from qrmiddleware_benchmarks.students.workloads import NEW_TOKENS

_ACTIVATION_BYTES = 4


class Precision(StrEnum):
    """How the weights of the matrix products are held."""

    FLOAT32 = "float32"
    FLOAT16 = "float16"
    INT8 = "int8"

    @property
    def size_bytes(self) -> int:
        """Of one weight."""
        return {"float32": 4, "float16": 2, "int8": 1}[self.value]


@dataclass(frozen=True, slots=True)
class Cost:
    """What a batch needs at least.

    Attributes:
        flops: Operations; a multiplication and an addition are two.
        size_bytes: Weights as often as they must be read, once a pass, and the inputs and outputs
            of every layer's matrix products, once, in float32. Caches hold part of it, so this is
            what moves between processor and caches rather than to memory.
    """

    flops: int
    size_bytes: int


def batch_cost(shape: Shape, lengths: Sequence[int], precision: Precision) -> Cost:
    """Count a batch of rows with these lengths; a generator also makes ``NEW_TOKENS`` a row."""
    if shape.task is Task.GENERATOR:
        return _generating(shape, lengths, precision)
    return _encoding(shape, lengths, precision)


def layer_weights(shape: Shape) -> int:
    """Count the weights of one layer's matrix products."""
    attention = shape.hidden * shape.head_size * 2 * (shape.heads + shape.key_value_heads)
    matrices = 3 if shape.task is Task.GENERATOR else 2
    return attention + matrices * shape.hidden * shape.intermediate


def parameters(shape: Shape) -> int:
    """Count the weights of all matrix products and of the token embeddings."""
    return shape.layers * layer_weights(shape) + shape.vocabulary * shape.hidden + _head(shape)


def _encoding(shape: Shape, lengths: Sequence[int], precision: Precision) -> Cost:
    tokens = sum(lengths)
    attended = sum(length * length for length in lengths)
    head = _head(shape)
    weights = shape.layers * layer_weights(shape) + head
    flops = 2 * shape.layers * layer_weights(shape) * tokens
    flops += 2 * head * len(lengths) + _attention(shape, attended)
    return Cost(flops, weights * precision.size_bytes + _moved(shape, tokens))


def _generating(shape: Shape, lengths: Sequence[int], precision: Precision) -> Cost:
    """The last new token is not read again, so a row of n makes n + NEW_TOKENS - 1 inputs."""
    inputs = [length + NEW_TOKENS - 1 for length in lengths]
    attended = sum(length * (length + 1) // 2 for length in inputs)
    logits = shape.vocabulary * shape.hidden
    weights = shape.layers * layer_weights(shape)
    flops = 2 * weights * sum(inputs) + 2 * logits * NEW_TOKENS * len(lengths)
    flops += _attention(shape, attended)
    read = (weights + logits) * NEW_TOKENS * precision.size_bytes
    return Cost(flops, read + _moved(shape, sum(inputs)))


def _head(shape: Shape) -> int:
    """Count the weights after the layers that are used once a row."""
    if shape.task is Task.CROSS_ENCODER:
        return shape.hidden * shape.hidden + shape.hidden * shape.labels
    return 0


def _attention(shape: Shape, attended: int) -> int:
    """Count scores and weighted sums: two products over every attended pair of tokens."""
    return 4 * shape.layers * shape.heads * shape.head_size * attended


def _moved(shape: Shape, tokens: int) -> int:
    """Count inputs and outputs of a layer's matrix products, in bytes."""
    attention = shape.head_size * (2 * shape.heads + 2 * shape.key_value_heads)
    matrices = 3 if shape.task is Task.GENERATOR else 2
    numbers = 2 * shape.hidden + attention + matrices * (shape.hidden + shape.intermediate)
    return _ACTIVATION_BYTES * shape.layers * tokens * numbers

"""The layers after the encoder, in numpy: ``head.safetensors`` in, logits out.

The file holds float32 or float16 tensors, named as torch's linear layers are:

| tensor | shape | held by |
|---|---|---|
| ``dense.weight``, ``dense.bias`` | (width, hidden), (width,) | heads with a layer in between |
| ``out.weight``, ``out.bias`` | (logits, width or hidden), (logits,) | cross-encoders |
| ``aspects.weight``, ``aspects.bias`` | (verdicts, width or hidden), (verdicts,) | some of these |
| ``query.weight``, ``query.bias`` | (width, width), (width,) | some bi-encoders |

and ``activation`` in its metadata, of the dense layer: ``tanh`` (RoBERTa, XLM-R), ``relu``
(DistilBERT) or ``identity``. A bias may be left out, which is a bias of zeros. BERT has no dense
layer here, since its pooler is a part of the encoder; a bi-encoder has no ``out``. ``query``
changes the vectors of queries alone, so that an index keeps the vectors of its documents.
``aspects`` stands beside ``out`` and is computed only where somebody asks why; its rows are the
verdicts on the first aspect, then those on the second, in the manifest's order.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, Self, get_args

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from qrmiddleware.errors import ConfigError
from qrmiddleware.students.manifest import Calibration, Manifest

Activation = Literal["identity", "relu", "tanh"]
Floats = NDArray[np.float32]

_NAMES: Final = frozenset(
    f"{layer}.{part}"
    for layer in ("dense", "out", "aspects", "query")
    for part in ("weight", "bias")
)
_SMALLEST_NORM: Final = np.float32(1e-12)
_STORED: Final = (np.dtype(np.float32), np.dtype(np.float16))


@dataclass(frozen=True, slots=True)
class Linear:
    """One layer: vectors @ weight.T + bias.

    Attributes:
        weight: Shape (outputs, inputs).
        bias: Shape (outputs,).
    """

    weight: Floats
    bias: Floats

    def __call__(self, vectors: Floats) -> Floats:
        """Return shape (rows, outputs)."""
        return np.asarray(vectors @ self.weight.T + self.bias, np.float32)


@dataclass(frozen=True, slots=True)
class Head:
    """What a student computes of the encoder's vectors.

    Attributes:
        dense: The layer in between, if there is one.
        activation: Of ``dense``.
        out: The last layer; ``None`` where vectors are the answer.
        query: What comes last for queries; ``None`` where they are read as texts are.
        aspects: Beside ``out``, gives verdicts on aspects; ``None`` where nothing does.
    """

    dense: Linear | None = None
    activation: Activation = "identity"
    out: Linear | None = None
    query: Linear | None = None
    aspects: Linear | None = None

    @classmethod
    def read(cls, file: Path, manifest: Manifest) -> Self:
        """Read a head and check it against its student's manifest.

        Raises:
            ConfigError: If the file is broken, or a tensor is missing, unknown, of another type
                or shape than the manifest asks for, or not finite.
        """
        try:
            with safe_open(file, framework="numpy") as stored:
                tensors = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118
                metadata = stored.metadata() or {}
        except (SafetensorError, TypeError, OSError) as error:
            problem = f"{file} is no head that safetensors reads: {error}"
            raise ConfigError(problem) from error
        problem = "; ".join(_problems(tensors, metadata, manifest))
        if problem:
            message = f"{file}: {problem}: make the student anew (qrm models export)"
            raise ConfigError(message)
        activation: Activation = metadata.get("activation", "identity")
        layers = (_linear(name, tensors) for name in ("out", "query", "aspects"))
        return cls(_linear("dense", tensors), activation, *layers)

    def __call__(self, vectors: Floats, *, query: bool = False) -> Floats:
        """Return logits or vectors, shape (rows, outputs), of vectors, shape (rows, hidden).

        What is too large for float32 becomes infinite or no number.
        """
        with np.errstate(over="ignore", invalid="ignore"):
            vectors = self._between(vectors)
            if query and self.query is not None:
                return self.query(unit(vectors))
            return vectors if self.out is None else self.out(vectors)

    def verdicts(self, vectors: Floats) -> Floats:
        """Return logits of verdicts, shape (rows, aspects x verdicts), of the same vectors.

        Raises:
            ValueError: If the student has no aspects.
        """
        if self.aspects is None:
            message = "a student without aspects has no verdicts"
            raise ValueError(message)
        with np.errstate(over="ignore", invalid="ignore"):
            return self.aspects(self._between(vectors))

    def _between(self, vectors: Floats) -> Floats:
        if self.dense is None:
            return vectors
        return _activate(self.dense(vectors), self.activation)


def unit(vectors: Floats) -> Floats:
    """Scale each row to length 1; a row of zeros stays."""
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(norms, _SMALLEST_NORM), np.float32)


def softmax(logits: Floats) -> Floats:
    """Return each row's probabilities."""
    with np.errstate(over="ignore"):  # of logits that lie further apart than float32 reaches
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True), np.float32)


def sigmoid(logits: Floats, calibration: Calibration | None) -> Floats:
    """Return the share of relevant hits that each logit stands for.

    Args:
        logits: Of any shape, which is kept.
        calibration: Measured slope and intercept; ``None`` leaves the logits as they are.
    """
    measured = calibration or Calibration()
    with np.errstate(over="ignore"):
        scaled = measured.slope * logits + measured.intercept
    return np.asarray(0.5 * (1 + np.tanh(scaled / 2)), np.float32)


def _activate(vectors: Floats, activation: Activation) -> Floats:
    if activation == "tanh":
        return np.tanh(vectors)
    return np.maximum(vectors, 0) if activation == "relu" else vectors


def _linear(name: str, tensors: Mapping[str, NDArray[np.generic]]) -> Linear | None:
    weight = tensors.get(f"{name}.weight")
    if weight is None:
        return None
    bias = tensors.get(f"{name}.bias", np.zeros(len(weight)))
    return Linear(weight.astype(np.float32), bias.astype(np.float32))


def _problems(
    tensors: Mapping[str, NDArray[np.generic]], metadata: Mapping[str, str], manifest: Manifest
) -> list[str]:
    unknown = sorted(tensors.keys() - _NAMES)
    problems = [f"unknown tensor {name}" for name in unknown]
    for name in sorted(tensors.keys() & _NAMES):
        if tensors[name].dtype not in _STORED:
            problems.append(f"{name} is {tensors[name].dtype}, not float32 or float16")
        elif not np.isfinite(tensors[name].astype(np.float32)).all():
            problems.append(f"{name} holds values that are not finite")
    activation = metadata.get("activation", "identity")
    if activation not in get_args(Activation):
        known = ", ".join(get_args(Activation))
        problems.append(f"activation {activation!r} is none of {known}")
    return problems or _misshapen(tensors, manifest)


def _misshapen(tensors: Mapping[str, NDArray[np.generic]], manifest: Manifest) -> list[str]:
    width = manifest.architecture.hidden
    problems = []
    has_dense = any(name.startswith("dense.") for name in tensors)
    if has_dense:
        outputs = next(iter(tensors.get("dense.weight", np.empty(0)).shape), 0)
        problems += _shape_problems("dense", (outputs, width), tensors)
        width = outputs
    for_queries = any(name.startswith("query.") for name in tensors)
    if manifest.kind == "cross_encoder":
        problems += _shape_problems("out", (max(1, len(manifest.labels)), width), tensors)
        problems += _aspect_problems(manifest, width, tensors)
        if for_queries:
            problems.append("a cross_encoder has no query.weight: it reads query and text together")
        return problems
    if any(name.startswith("aspects.") for name in tensors):
        problems.append(f"a {manifest.kind} has no aspects.weight: it does not read both together")
    if for_queries:
        problems += _shape_problems("query", (width, width), tensors)
    if "out.weight" in tensors or not (has_dense or for_queries):
        problems.append(f"a {manifest.kind} has dense.weight or query.weight, and no out.weight")
    return problems


def _aspect_problems(
    manifest: Manifest, width: int, tensors: Mapping[str, NDArray[np.generic]]
) -> list[str]:
    rows = len(manifest.aspects) * len(manifest.verdicts)
    if rows:
        return _shape_problems("aspects", (rows, width), tensors)
    if any(name.startswith("aspects.") for name in tensors):
        return ["aspects.weight is there, and the manifest names no aspects and verdicts"]
    return []


def _shape_problems(
    name: str, shape: tuple[int, int], tensors: Mapping[str, NDArray[np.generic]]
) -> list[str]:
    found = {part: tensors.get(f"{name}.{part}") for part in ("weight", "bias")}
    expected = {"weight": shape, "bias": shape[:1]}
    problems = []
    for part, tensor in found.items():
        if tensor is None and part == "weight":
            problems.append(f"{name}.weight is missing")
        elif tensor is not None and tensor.shape != expected[part]:
            problems.append(
                f"{name}.{part} has shape {tensor.shape}, where the manifest's names and hidden "
                f"ask for {expected[part]}"
            )
    return problems

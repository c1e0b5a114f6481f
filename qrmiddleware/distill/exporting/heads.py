"""Takes what comes after the encoder out of a checkpoint: ``head.safetensors``.

`qrmiddleware.students.heads` says what that file holds.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from qrmiddleware.distill.exporting.architectures import Head
from qrmiddleware.distill.exporting.json_files import read_object
from qrmiddleware.errors import ConfigError
from qrmiddleware.students.heads import Activation
from qrmiddleware.students.manifest import Pooling

Numbers = npt.NDArray[np.float32]

POOLINGS: Final[Mapping[Head, Pooling]] = {
    "pooler": "pooler",
    "dense_tanh": "first",
    "dense_relu": "first",
}
"""Whose vector a cross-encoder's head reads."""
_ACTIVATIONS: Final[Mapping[str, Activation]] = {
    "Tanh": "tanh",
    "Identity": "identity",
    "ReLU": "relu",
}


@dataclass(frozen=True, slots=True)
class HeadWeights:
    """The layers after the encoder.

    Attributes:
        tensors: ``dense.weight``, ``dense.bias``, ``out.weight``, ``out.bias``; either layer may be
            missing. ``aspects.weight`` and ``aspects.bias`` where the student has aspects.
        activation: After the dense layer.
    """

    tensors: Mapping[str, Numbers]
    activation: Activation = "identity"

    def with_aspects(self, count: int) -> Self:
        """Make the last ``count`` logits those of verdicts on aspects; the others stay."""
        if not count:
            return self
        tensors = dict(self.tensors)
        for part in ("weight", "bias"):
            logits = tensors[f"out.{part}"]
            tensors[f"out.{part}"] = np.ascontiguousarray(logits[:-count])
            tensors[f"aspects.{part}"] = np.ascontiguousarray(logits[-count:])
        return replace(self, tensors=tensors)

    def write(self, path: Path) -> None:
        """Write ``head.safetensors``."""
        save_file(dict(self.tensors), path, metadata={"activation": self.activation})


def classifier_head(model: Any, head: Head) -> HeadWeights:  # noqa: ANN401 - of transformers
    """Take a classifier's last layers."""
    match head:
        case "pooler":
            return HeadWeights(_linear("out", model.classifier))
        case "dense_tanh":
            layers = model.classifier.dense, model.classifier.out_proj
            activation: Activation = "tanh"
        case "dense_relu":
            layers = model.pre_classifier, model.classifier
            activation = "relu"
    tensors = {**_linear("dense", layers[0]), **_linear("out", layers[1])}
    return HeadWeights(tensors, activation)


def _linear(name: str, layer: Any) -> dict[str, Numbers]:  # noqa: ANN401 - of torch
    return {
        f"{name}.{part}": np.ascontiguousarray(weights.detach().numpy(), dtype=np.float32)
        for part, weights in layer.named_parameters()
    }


def dense_head(folder: Path) -> HeadWeights:
    """Read a dense layer that sentence-transformers wrote.

    Raises:
        ConfigError: If its weights are not in safetensors, or its activation is not known.
    """
    settings = read_object(folder / "config.json")
    named = str(settings.get("activation_function", "Tanh")).rpartition(".")[2]
    if named not in _ACTIVATIONS:
        message = (
            f"{folder / 'config.json'} has the activation {named}, which students do not have: "
            f"they have {', '.join(_ACTIVATIONS)}"
        )
        raise ConfigError(message)
    weights = folder / "model.safetensors"
    try:
        found = load_file(weights)
        tensors = {"dense.weight": found["linear.weight"].astype(np.float32)}
        bias = found.get("linear.bias", np.zeros(len(found["linear.weight"])))
    except (OSError, KeyError, SafetensorError) as error:
        message = f"{weights} cannot be read as a dense layer of sentence-transformers: {error!r}"
        raise ConfigError(message) from error
    tensors["dense.bias"] = bias.astype(np.float32)
    return HeadWeights(tensors, _ACTIVATIONS[named])

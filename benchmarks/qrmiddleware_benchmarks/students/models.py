"""Models on disk: made on the spot with random weights, or a checkpoint, for every runtime."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from qrmiddleware.distill.exporting.converter import convert_network
from qrmiddleware.errors import ConfigError
from qrmiddleware_benchmarks.students.errors import StudentsError
from qrmiddleware_benchmarks.students.libraries import library
from qrmiddleware_benchmarks.students.onnx_export import export_onnx
from qrmiddleware_benchmarks.students.shapes import Shape, Task, shape_of

_WEIGHT_SPREAD = 1.2
_SPECIAL = {f"{name}_token": f"[{name.upper()}]" for name in ("pad", "unk", "cls", "sep", "eos")}
_EOS_ID = list(_SPECIAL).index("eos_token")
_TOKENIZERS = ("tokenizer.json", "vocab.txt", "vocab.json", "tokenizer.model")


@dataclass(frozen=True, slots=True)
class Model:
    """A student in the forms that the runtimes read, all in one folder.

    Attributes:
        shape: Its size and task.
        checkpoint: Hugging Face folder.
        folder: Holds the other forms.
    """

    shape: Shape
    checkpoint: Path
    folder: Path

    @property
    def ctranslate2(self) -> Path:
        """Parent of the converted models, one folder a precision."""
        return self.folder / "ctranslate2"

    @property
    def onnx(self) -> Path:
        """Parent of the exported graphs, one file a precision."""
        return self.folder / "onnx"

    @property
    def head(self) -> Path:
        """Weights of a cross-encoder's last layer, which CTranslate2 does not run."""
        return self.folder / "head.npz"

    @property
    def eos_ids(self) -> list[int]:
        """Tokens that end a text; they are never generated, so that all texts have one length."""
        found = _config(self.checkpoint).get("eos_token_id")
        if found is None:
            return []
        return list(found) if isinstance(found, list) else [found]


def read_shape(checkpoint: Path) -> Shape:
    """Read the shape of a Hugging Face folder.

    Raises:
        StudentsError: If it is no such folder, or of an architecture that is not known.
    """
    if not (checkpoint / "config.json").is_file():
        message = f"{checkpoint} is no checkpoint of Hugging Face: it has no config.json"
        raise StudentsError(message)
    if not any((checkpoint / name).is_file() for name in _TOKENIZERS):
        message = f"{checkpoint} has no tokenizer, neither of {', '.join(_TOKENIZERS)}"
        raise StudentsError(message)
    return shape_of(checkpoint.resolve().name, _config(checkpoint))


def prepare(shape: Shape, folder: Path, checkpoint: Path | None, seed: int) -> Model:
    """Write a student in all forms; run it in a process of its own, for it starts threads.

    Args:
        shape: What to make, or what ``checkpoint`` holds.
        folder: Empty or new.
        checkpoint: Hugging Face folder to convert; random weights are made without.
        seed: Of the weights.

    Raises:
        StudentsError: If a library refuses the checkpoint.
    """
    model = Model(shape, checkpoint or folder / "checkpoint", folder)
    try:
        if checkpoint is None:
            _make(shape, model.checkpoint, seed)
        _convert(model)
        if shape.task is not Task.GENERATOR:
            export_onnx(model.checkpoint, model.onnx, shape)
    except (ConfigError, OSError, RuntimeError, ValueError, _unreadable_weights()) as error:
        message = f"{shape.name} cannot be converted: {error}"
        raise StudentsError(message) from error
    return model


def _unreadable_weights() -> type[Exception]:
    found: type[Exception] = library("safetensors").SafetensorError
    return found


def _make(shape: Shape, folder: Path, seed: int) -> None:
    """Make a model with random weights, wide enough for outputs to depend on inputs."""
    library("torch").manual_seed(seed)
    transformers = library("transformers")
    sizes: dict[str, Any] = {
        "vocab_size": shape.vocabulary,
        "hidden_size": shape.hidden,
        "num_hidden_layers": shape.layers,
        "num_attention_heads": shape.heads,
        "intermediate_size": shape.intermediate,
        "initializer_range": _WEIGHT_SPREAD / shape.hidden**0.5,
        "pad_token_id": 0,
    }
    if shape.task is Task.GENERATOR:
        shared = {"num_key_value_heads": shape.key_value_heads, "head_dim": shape.head_size}
        further = {"tie_word_embeddings": True, "eos_token_id": _EOS_ID, "bos_token_id": None}
        model = transformers.Qwen3ForCausalLM(
            transformers.Qwen3Config(**sizes, **shared, **further)
        )
    else:
        config = transformers.BertConfig(**sizes, num_labels=shape.labels)
        kind = "BertForSequenceClassification" if shape.task is Task.CROSS_ENCODER else "BertModel"
        model = getattr(transformers, kind)(config)
    model.save_pretrained(folder)
    _tokenizer(shape.vocabulary).save_pretrained(folder)


def _tokenizer(vocabulary: int) -> Any:  # noqa: ANN401 - a class of a heavy library
    """Make the tokenizer that converters ask for; the benchmark itself draws token ids."""
    tokens = [*_SPECIAL.values(), *(f"w{n}" for n in range(vocabulary - len(_SPECIAL)))]
    numbered = {token: number for number, token in enumerate(tokens)}
    words = library("tokenizers.models").WordLevel(numbered, _SPECIAL["unk_token"])
    return library("transformers").PreTrainedTokenizerFast(
        tokenizer_object=library("tokenizers").Tokenizer(words), **_SPECIAL
    )


def _convert(model: Model) -> None:
    for precision in ("float32", "int8"):
        convert_network(model.checkpoint, model.ctranslate2 / precision, stored=precision)
    if model.shape.task is Task.CROSS_ENCODER:
        classifier = (
            library("transformers")
            .BertForSequenceClassification.from_pretrained(model.checkpoint)
            .classifier
        )
        weight, bias = (each.detach().numpy() for each in (classifier.weight, classifier.bias))
        np.savez(model.head, weight=weight, bias=bias)


def _config(checkpoint: Path) -> Mapping[str, Any]:
    text = (checkpoint / "config.json").read_text(encoding="utf-8")
    try:
        found: Mapping[str, Any] = json.loads(text)
    except ValueError as error:
        message = f"{checkpoint / 'config.json'} is no JSON: {error}"
        raise StudentsError(message) from error
    return found

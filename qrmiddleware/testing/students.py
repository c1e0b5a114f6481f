"""Tiny students with random weights: real in all but what they know; made without torch."""

from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from safetensors.numpy import save_file
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

from qrmiddleware.students.folder import write_student
from qrmiddleware.students.manifest import Architecture, Calibration, Inputs, Kind, Manifest

_SPECIAL: Final = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")
_LETTERS: Final = "abcdefghijklmnopqrstuvwxyz0123456789"
_VOCABULARY: Final = (*_SPECIAL, *_LETTERS, *(f"##{letter}" for letter in _LETTERS))
_POSITIONS: Final = 64
_VERDICTS: Final = ("match", "mismatch", "unspecified")


def make_student(
    folder: Path,
    kind: Kind = "cross_encoder",
    *,
    fields: Sequence[str] = ("title",),
    gains: Sequence[float] = (),
    aspects: Sequence[str] = (),
    layers: int = 2,
    hidden: int = 16,
    seed: int = 0,
) -> Path:
    """Write the folder of a student that reads letters, and whose scores mean nothing.

    It needs the extra ``students``, and about 20 ms. Equal arguments make students that
    score equally.

    Args:
        folder: Where to; made if it is not there.
        kind: ``cross_encoder`` or ``bi_encoder``.
        fields: Of a document that it reads.
        gains: Worth of each class of a cross-encoder; empty for one with a single logit.
        aspects: On which a cross-encoder has verdicts: match, mismatch, unspecified.
        layers: Of the encoder.
        hidden: Width, a multiple of 4.
        seed: Of the weights.

    Returns:
        ``folder``.

    Raises:
        ValueError: If the kind is another.
    """
    if kind == "generator":
        problem = "a generator is not made here: kind is cross_encoder or bi_encoder"
        raise ValueError(problem)
    folder.mkdir(parents=True, exist_ok=True)
    pairs = kind == "cross_encoder"
    _write_tokenizer(folder / "tokenizer.json")
    write_encoder(folder / "model", layers=layers, hidden=hidden, pooler=pairs, seed=seed)
    if pairs:
        rows = {"out": max(1, len(gains)), "aspects": len(aspects) * len(_VERDICTS)}
        _write_head(folder / "head.safetensors", rows, hidden, seed=seed)
    manifest = Manifest(
        kind=kind,
        name=f"random-{kind}",
        description="Random weights, for tests.",
        architecture=Architecture(
            family="bert",
            layers=layers,
            hidden=hidden,
            vocabulary=len(_VOCABULARY),
            parameters=layers * 12 * hidden**2,
            pooling="pooler" if pairs else "mean",
        ),
        stored="float32",
        inputs=Inputs(fields=tuple(fields), max_tokens=_POSITIONS, token_types=pairs),
        labels=tuple(f"class{number}" for number in range(len(gains))),
        gains=tuple(gains),
        calibration=Calibration() if pairs and not gains else None,
        aspects=tuple(aspects),
        verdicts=_VERDICTS if aspects else (),
        files={},
    )
    return write_student(folder, manifest).path


def _write_tokenizer(file: Path) -> None:
    ids = {token: number for number, token in enumerate(_VOCABULARY)}
    tokenizer = Tokenizer(models.WordPiece(ids, unk_token="[UNK]"))  # noqa: S106 a token of text
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[(token, ids[token]) for token in ("[CLS]", "[SEP]")],
    )
    tokenizer.save(str(file))


def _write_head(file: Path, rows: Mapping[str, int], width: int, *, seed: int) -> None:
    drawn = np.random.default_rng(seed)
    tensors = {}
    for layer, count in rows.items():
        if count:
            weight = drawn.normal(0, 4 / width**0.5, (count, width)).astype(np.float32)
            tensors |= {f"{layer}.weight": weight, f"{layer}.bias": np.zeros(count, np.float32)}
    save_file(tensors, file)


def write_encoder(
    folder: Path,
    *,
    layers: int = 2,
    hidden: int = 16,
    heads: int = 4,
    vocabulary: Sequence[str] = _VOCABULARY,
    positions: int = _POSITIONS,
    pooler: bool = True,
    poisoned: Sequence[int] = (),
    quantization: str | None = None,
    seed: int = 0,
) -> Path:
    """Write what CTranslate2 reads of a BERT with random weights: a student's ``model``.

    Args:
        folder: Where to; made if it is not there.
        layers: Of the encoder.
        hidden: Width, a multiple of ``heads``.
        heads: Of attention.
        vocabulary: Tokens; the first stands for unknown ones.
        positions: Most tokens of an input.
        pooler: Whether there is BERT's layer over the first token.
        poisoned: Tokens whose embedding is no number, for what a broken model does.
        quantization: Of the stored weights; float32 without.
        seed: Of the weights.

    Returns:
        ``folder``.
    """
    specs = import_module("ctranslate2.specs")
    common, transformer = specs.common_spec, specs.transformer_spec
    drawn = np.random.default_rng(seed)

    def weights(*shape: int) -> npt.NDArray[np.float32]:
        return drawn.normal(0, 1 / hidden**0.5, shape).astype(np.float32)

    def fill(layer: Any, outputs: int, inputs: int) -> None:  # noqa: ANN401 CTranslate2 is untyped
        layer.weight, layer.bias = weights(outputs, inputs), weights(outputs)

    def norm(layer: Any) -> None:  # noqa: ANN401 as above
        layer.gamma, layer.beta = np.ones(hidden, np.float32), np.zeros(hidden, np.float32)

    encoder = transformer.TransformerEncoderSpec(
        layers,
        heads,
        pre_norm=False,
        activation=common.Activation.GELU,
        layernorm_embedding=True,
        num_source_embeddings=2,
        embeddings_merge=common.EmbeddingsMerge.ADD,
    )
    spec = transformer.TransformerEncoderModelSpec(encoder, pooling_layer=pooler)
    encoder.scale_embeddings = False
    encoder.embeddings[0].weight = weights(len(vocabulary), hidden)
    encoder.embeddings[0].weight[list(poisoned)] = np.nan
    encoder.embeddings[1].weight = weights(2, hidden)
    encoder.position_encodings.encodings = weights(positions, hidden)
    norm(encoder.layernorm_embedding)
    for layer in encoder.layer:
        fill(layer.self_attention.linear[0], 3 * hidden, hidden)
        fill(layer.self_attention.linear[1], hidden, hidden)
        fill(layer.ffn.linear_0, 4 * hidden, hidden)
        fill(layer.ffn.linear_1, hidden, 4 * hidden)
        norm(layer.self_attention.layer_norm)
        norm(layer.ffn.layer_norm)
    if pooler:
        fill(spec.pooler_dense, hidden, hidden)
    spec.register_vocabulary(list(vocabulary))
    spec.config.unk_token = vocabulary[0]
    spec.config.layer_norm_epsilon = 1e-12
    spec.validate()
    spec.optimize(quantization=quantization)
    folder.mkdir(parents=True, exist_ok=True)
    spec.save(str(folder))
    return folder

"""Tiny generators with random weights, that write chosen words; made without torch."""

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

from qrmiddleware.students.folder import write_student
from qrmiddleware.students.generator.student import TERMS_FILE
from qrmiddleware.students.manifest import Architecture, Inputs, Manifest

_SPECIAL: Final = ("<s>", "</s>", "<unk>")
_END: Final = "</s>"
_BLANK: Final = "Ġ"
_VOCABULARY: Final = (*_SPECIAL, _BLANK, *"abcdefghijklmnopqrstuvwxyz0123456789")
_HEADS: Final = 2
_NEVER: Final = -9.0


def make_generator(
    folder: Path,
    *,
    terms: Sequence[str] = (),
    name: str = "random-generator",
    hidden: int = 16,
    layers: int = 1,
    seed: int = 0,
    broken: bool = False,
) -> Path:
    """Write the folder of a generator that reads letters and digits, and knows nothing.

    It needs the extra ``students``. Equal arguments make generators that write the same.

    Args:
        folder: Where to; made if it is not there.
        terms: All that it can write, one word or several each; anything without. With a single
            term every query is rewritten to it, or to repetitions of it.
        name: In the manifest.
        hidden: Width, a multiple of 4.
        layers: Of the decoder.
        seed: Of the weights.
        broken: Whether its log-probabilities are no numbers.

    Returns:
        ``folder``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _tokenizer().save(str(folder / "tokenizer.json"))
    _write_decoder(folder / "model", hidden, layers, seed=seed, broken=broken)
    if terms:
        (folder / TERMS_FILE).write_text("\n".join(terms), encoding="utf-8")
    manifest = Manifest(
        kind="generator",
        name=name,
        description="Random weights, for tests.",
        architecture=Architecture(
            family="qwen3",
            layers=layers,
            hidden=hidden,
            vocabulary=len(_VOCABULARY),
            parameters=layers * 12 * hidden**2,
        ),
        stored="float32",
        inputs=Inputs(prompt="{query}"),
        files={},
    )
    return write_student(folder, manifest).path


def _tokenizer() -> Tokenizer:
    ids = {token: number for number, token in enumerate(_VOCABULARY)}
    tokenizer = Tokenizer(models.BPE(ids, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(token, special=True) for token in _SPECIAL])
    return tokenizer


def _write_decoder(folder: Path, hidden: int, layers: int, *, seed: int, broken: bool) -> None:
    specs = import_module("ctranslate2.specs")
    spec = specs.TransformerDecoderModelSpec.from_config(
        layers,
        _HEADS,
        activation=specs.common_spec.Activation.SWISH,
        ffn_glu=True,
        rms_norm=True,
        rotary_dim=0,
        rotary_interleave=False,
    )
    drawn = np.random.default_rng(seed)

    def weights(outputs: int, inputs: int) -> npt.NDArray[np.float32]:
        return drawn.normal(0, 1 / inputs**0.5, (outputs, inputs)).astype(np.float32)

    def norm(layer: Any) -> None:  # noqa: ANN401 CTranslate2 is untyped
        layer.gamma = np.ones(hidden, np.float32)

    decoder = spec.decoder
    decoder.scale_embeddings = False
    decoder.embeddings.weight = weights(len(_VOCABULARY), hidden) * np.float32(hidden**0.5)
    if broken:
        decoder.embeddings.weight[:] = np.nan
    decoder.projection.weight = weights(len(_VOCABULARY), hidden)
    decoder.projection.bias = _preferences()
    norm(decoder.layer_norm)
    for layer in decoder.layer:
        norm(layer.self_attention.layer_norm)
        layer.self_attention.linear[0].weight = weights(3 * hidden, hidden)
        layer.self_attention.linear[1].weight = weights(hidden, hidden)
        norm(layer.ffn.layer_norm)
        layer.ffn.linear_0.weight = weights(2 * hidden, hidden)
        layer.ffn.linear_0_noact.weight = weights(2 * hidden, hidden)
        layer.ffn.linear_1.weight = weights(hidden, 2 * hidden)
    spec.register_vocabulary(list(_VOCABULARY))
    spec.config.bos_token, spec.config.eos_token, spec.config.unk_token = _SPECIAL
    spec.config.layer_norm_epsilon = 1e-6
    spec.validate()
    spec.optimize(quantization=None)
    folder.mkdir(parents=True, exist_ok=True)
    spec.save(str(folder))


def _preferences() -> npt.NDArray[np.float32]:
    """Have it end soon, and write no special token."""
    bias = np.zeros(len(_VOCABULARY), np.float32)
    for place, token in enumerate(_VOCABULARY):
        bias[place] = 1.0 if token == _END else _NEVER if token in _SPECIAL else 0.0
    return bias

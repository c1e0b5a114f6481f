"""Turns a checkpoint's network into CTranslate2's format, and puts right what that gets wrong.

CTranslate2 4.8 reads attributes of configurations that transformers 5 has dropped or given
another meaning: some conversions fail, and those of T5 v1.1, FLAN-T5 and mT5 succeed with wrong
outputs. Each `Mend` of an architecture restores what its loader expects, on the loaded
configuration, before the loader reads it.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from qrmiddleware.distill.exporting.architectures import Check, Mend, family_of
from qrmiddleware.distill.exporting.libraries import library, quiet_transformers
from qrmiddleware.distill.exporting.tokenizer import load_tokenizer
from qrmiddleware.errors import ConfigError

ROBERTA_PAD_ID: Final = 1


def convert_network(
    checkpoint: Path, target: Path, *, stored: str = "float32", with_pooler: bool = True
) -> None:
    """Write a checkpoint's network to a folder that CTranslate2 reads.

    Args:
        checkpoint: Folder with ``config.json``, safetensors and a tokenizer.
        target: Folder to make.
        stored: Precision of the weights, as CTranslate2 names it.
        with_pooler: Whether BERT's pooler is used; without, its weights are zero, since a
            checkpoint that was trained without holds random ones.

    Raises:
        ConfigError: If the network cannot be converted.
    """
    converter = mended_converter()(str(checkpoint), with_pooler=with_pooler)
    try:
        with quiet_transformers():
            converter.convert(str(target), quantization=stored)
    except (AssertionError, AttributeError, NotImplementedError) as error:
        message = f"{checkpoint} has a network that CTranslate2's loader does not know: {error!r}"
        raise ConfigError(message) from error
    except (KeyError, OSError, RuntimeError, TypeError, ValueError) as error:
        message = f"{checkpoint} cannot be converted: {error}"
        raise ConfigError(message) from error


def mended_converter() -> Any:  # noqa: ANN401 - a class of an untyped library
    """Return the subclass of CTranslate2's converter; making it imports torch."""
    converters, torch = library("ctranslate2.converters"), library("torch")

    class MendedConverter(converters.TransformersConverter):  # type: ignore[misc,name-defined] # lazy
        """Loads from safetensors alone, in float32, and mends the configuration."""

        def __init__(self, folder: str, *, with_pooler: bool = True) -> None:
            super().__init__(folder)
            self._with_pooler = with_pooler

        def load_model(self, model_class: Any, folder: str, **options: Any) -> Any:  # noqa: ANN401 - untyped library
            options |= {"dtype": torch.float32, "use_safetensors": True, "local_files_only": True}
            model = super().load_model(model_class, folder, **options)
            family = family_of(model.config.model_type)
            for check in family.checks:
                _CHECKS[check](model.config)
            for mend in family.mends:
                _MENDS[mend](model.config)
            if not self._with_pooler:
                _clear_pooler(model)
            return model

        def load_tokenizer(self, tokenizer_class: Any, folder: str, **_: Any) -> Any:  # noqa: ANN401, ARG002 - of an untyped library
            return _with_special_tokens(load_tokenizer(Path(folder)))

    return MendedConverter


def _with_special_tokens(tokenizer: Any) -> Any:  # noqa: ANN401 - of transformers
    """Let the end stand for what is missing: without a name for each, nothing can be loaded."""
    if tokenizer.eos_token is not None:
        tokenizer.bos_token = tokenizer.bos_token or tokenizer.eos_token
        tokenizer.unk_token = tokenizer.unk_token or tokenizer.eos_token
    return tokenizer


def _clear_pooler(model: Any) -> None:  # noqa: ANN401 - a model of transformers
    pooler = getattr(model, "pooler", None)
    if pooler is not None:
        for weights in pooler.parameters():
            weights.data.zero_()


def _absolute_positions(config: Any) -> None:  # noqa: ANN401 - a configuration of transformers
    """Transformers 5 knows no other positions for these, and dropped the key."""
    if not hasattr(config, "position_embedding_type"):
        config.position_embedding_type = "absolute"


def _post_norm(config: Any) -> None:  # noqa: ANN401 - as above
    """BART normalises after each block, and its embeddings; mBART's keys are read for it."""
    if not hasattr(config, "normalize_before"):
        config.normalize_before = False
    if not hasattr(config, "normalize_embedding"):
        config.normalize_embedding = True


def _output_scale(config: Any) -> None:  # noqa: ANN401 - as above
    """Only the first T5 scales its outputs; transformers 5 ties all, and says it elsewhere."""
    config.tie_word_embeddings = bool(getattr(config, "scale_decoder_outputs", False))


def _pad_is_one(config: Any) -> None:  # noqa: ANN401 - as above
    """Positions begin after the padding's id, and the runtime takes that for 1."""
    if config.pad_token_id != ROBERTA_PAD_ID:
        message = (
            f"a {config.model_type} counts its positions from pad_token_id, which is "
            f"{config.pad_token_id} in this checkpoint and must be {ROBERTA_PAD_ID}: make the "
            "tokenizer with <pad> as token 1, and train anew"
        )
        raise ConfigError(message)


def _pad_is_last(config: Any) -> None:  # noqa: ANN401 - as above
    """The padding is cut off the vocabulary."""
    last = config.vocab_size - 1
    if config.pad_token_id != last:
        message = (
            f"a {config.model_type} must have <pad> as its last token, {last} here, which the "
            f"conversion cuts off; this checkpoint has pad_token_id {config.pad_token_id}"
        )
        raise ConfigError(message)


_MENDS: Final[Mapping[Mend, Callable[[Any], None]]] = MappingProxyType(
    {
        "absolute_positions": _absolute_positions,
        "post_norm": _post_norm,
        "output_scale": _output_scale,
    }
)
_CHECKS: Final[Mapping[Check, Callable[[Any], None]]] = MappingProxyType(
    {"pad_is_one": _pad_is_one, "pad_is_last": _pad_is_last}
)

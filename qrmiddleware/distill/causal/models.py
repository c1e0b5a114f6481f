"""Language models to train and to ask: from a checkpoint, or from nothing."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from qrmiddleware.distill.causal.byte_pairs import END, PAD, train_byte_pairs
from qrmiddleware.distill.lora import Lora, add_lora, without_lora
from qrmiddleware.distill.modelling import open_checkpoint, recompute_gradients
from qrmiddleware.distill.reading import agree_on_padding
from qrmiddleware.errors import ConfigError

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerFast

_MOST_TOKENS: Final = 2048


@dataclass(frozen=True, slots=True)
class CausalLm:
    """A language model and its tokenizer.

    Attributes:
        model: With adapters around it where ``lora`` is given.
        tokenizer: Has tokens for padding and for the end of a response.
        lora: Which adapters learn, if not all weights.
        base: The checkpoint that it began as; empty from scratch.
    """

    model: "PreTrainedModel"
    tokenizer: "PreTrainedTokenizerFast"
    lora: Lora | None = None
    base: str = ""

    @property
    def pad(self) -> int:
        """Id of the padding token."""
        return int(self.tokenizer.pad_token_id)

    @property
    def end(self) -> int:
        """Id of the token that ends a response."""
        return int(self.tokenizer.eos_token_id)

    @property
    def ends(self) -> frozenset[int]:
        """Ids of all tokens that end one; a checkpoint may name more than its tokenizer."""
        told = getattr(self.model.generation_config, "eos_token_id", None)
        return frozenset({self.end, *([told] if isinstance(told, int) else told or ())})

    def save(self, folder: Path) -> None:
        """Write a Hugging Face checkpoint.

        Adapters are merged into the weights first: the model answers as before, and learns no more.
        """
        from transformers.utils import logging as transformers_logging

        transformers_logging.disable_progress_bar()
        without_lora(self.model).save_pretrained(folder)
        self.tokenizer.save_pretrained(folder)


@dataclass(frozen=True, slots=True)
class Size:
    """Of a model from scratch."""

    vocabulary: int
    layers: int
    hidden: int
    heads: int


def load_causal(
    name_or_folder: str,
    *,
    seed: int = 0,
    lora: Lora | None = None,
    recompute: bool = False,
    dtype: "torch.dtype | None" = None,
) -> CausalLm:
    """Load any checkpoint that transformers makes a causal language model of, onto the CPU.

    Args:
        name_or_folder: A checkpoint's folder, or a name on the Hugging Face hub. Its weights are
            safetensors; pickles are refused.
        seed: Of adapters.
        lora: Adapters that learn in the place of all weights; the head learns in none of them.
        recompute: Keep less for the gradients and compute it twice (gradient checkpointing).
        dtype: Of the weights; float32 if ``None``, which training takes.

    Raises:
        ConfigError: If there is no such checkpoint, it is no causal language model, it has no
            token for the end of a text, or no such layers for adapters.
    """
    import torch

    source, config, tokenizer = open_checkpoint(name_or_folder)
    if tokenizer.eos_token_id is None:
        message = f"{name_or_folder}: its tokenizer has no token that ends a text (eos_token)"
        raise ConfigError(message)
    agree_on_padding(tokenizer, config)
    model = _model(source, config, dtype or torch.float32)
    if recompute:
        recompute_gradients(model)
    if lora is not None:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            model = add_lora(model, lora, learns_head=False)
    return CausalLm(model.eval(), tokenizer, lora, name_or_folder)


def _model(source: str, config: Any, dtype: "torch.dtype") -> Any:  # noqa: ANN401 any architecture's
    from transformers import AutoModelForCausalLM

    try:
        return AutoModelForCausalLM.from_pretrained(
            source, config=config, dtype=dtype, use_safetensors=True
        )
    except (OSError, ValueError) as error:
        message = f"{source}: a {config.model_type!r} cannot be loaded as a language model: {error}"
        raise ConfigError(message) from error


def tiny_causal(texts: Iterable[str], size: Size, *, seed: int = 0) -> CausalLm:
    """Make a random model of Qwen3's shape over a byte-level BPE trained on the given texts.

    The same arguments give the same weights and the same vocabulary. Embeddings are tied.

    Args:
        texts: All that it is to read and write; read once.
        size: Feed-forward layers are four times as wide as its tokens' vectors.
        seed: Of the weights; the vocabulary needs none.

    Raises:
        ConfigError: If the heads do not divide the width into even parts, or the vocabulary does
            not even hold all bytes.
    """
    _check_heads(size)
    from transformers import PreTrainedTokenizerFast

    pieces = train_byte_pairs(texts, vocabulary=size.vocabulary)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=pieces,
        pad_token=PAD,
        eos_token=END,
        model_max_length=_MOST_TOKENS,
        model_input_names=["input_ids", "attention_mask"],
    )
    return causal_like(tokenizer, size, seed=seed)


def causal_like(tokenizer: "PreTrainedTokenizerFast", size: Size, *, seed: int = 0) -> CausalLm:
    """Make a random model of Qwen3's shape that reads and writes with another one's tokenizer.

    Args:
        tokenizer: Has tokens for padding and for the end of a response.
        size: As of ``tiny_causal``; the tokenizer decides on the vocabulary.
        seed: Of the weights.

    Raises:
        ConfigError: If the heads do not divide the width into even parts.
    """
    import torch
    from transformers import Qwen3Config, Qwen3ForCausalLM

    _check_heads(size)
    config = Qwen3Config(
        vocab_size=len(tokenizer),
        hidden_size=size.hidden,
        num_hidden_layers=size.layers,
        num_attention_heads=size.heads,
        num_key_value_heads=size.heads,
        head_dim=size.hidden // size.heads,
        intermediate_size=4 * size.hidden,
        max_position_embeddings=_MOST_TOKENS,
        tie_word_embeddings=True,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = Qwen3ForCausalLM(config)
    return CausalLm(model.eval(), tokenizer)


def _check_heads(size: Size) -> None:
    if size.hidden % (2 * size.heads):  # rotary positions turn pairs of numbers
        message = f"{size.heads} heads do not divide a width of {size.hidden} into even parts"
        raise ConfigError(message)

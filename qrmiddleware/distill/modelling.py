"""Classifiers to train: from a checkpoint, from a package's weights, or from nothing."""

import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from qrmiddleware.distill.lora import Lora, add_lora, without_lora
from qrmiddleware.distill.reading import (
    QUERY_PRODUCT,
    Frame,
    Prompt,
    agree_on_padding,
    bert_frame,
    frame_for,
    read_reading,
    reads_last_token,
)
from qrmiddleware.distill.weights import MINILM, local_or_hub
from qrmiddleware.distill.word_pieces import SPECIAL, train_word_pieces
from qrmiddleware.errors import ConfigError

if TYPE_CHECKING:
    from transformers import (
        BertForSequenceClassification,
        PretrainedConfig,
        PreTrainedModel,
        PreTrainedTokenizerFast,
    )

_MOST_TOKENS: Final = 512


@dataclass(frozen=True, slots=True)
class Encoder:
    """A cross-encoder and the tokenizer that it reads with.

    Attributes:
        model: In float32, on the CPU; with adapters around it where ``lora`` is given.
        tokenizer: Has a padding token.
        frame: What stands around query and text.
        prompt: Whose words they are; ``None`` where it is the tokenizer's pair.
        lora: Which adapters learn, if not all weights.
        base: The checkpoint that it began as.
    """

    model: "PreTrainedModel"
    tokenizer: "PreTrainedTokenizerFast"
    frame: Frame
    prompt: Prompt | None = None
    lora: Lora | None = None
    base: str = ""

    def save(self, folder: Path) -> None:
        """Write a Hugging Face checkpoint, as ``qrm models export`` reads it.

        Adapters are merged into the weights first: the model scores as before, and learns no more.
        """
        without_lora(self.model).save_pretrained(folder)
        self.tokenizer.save_pretrained(folder)


def load_encoder(
    name_or_folder: str,
    *,
    layers: int | Sequence[int] | None = None,
    num_labels: int = 1,
    seed: int = 0,
) -> Encoder:
    """Load a BERT checkpoint as a cross-encoder, or the first part of one.

    Args:
        name_or_folder: A checkpoint's folder, ``minilm``, or a name on the Hugging Face hub.
        layers: How many of the first layers to keep, or their indexes, from 0; ``None`` keeps all.
        num_labels: Logits of a pair: 1 for a score, or the number of classes.
        seed: Of the head, where the checkpoint has none with that many labels.

    Raises:
        ConfigError: If there is no such checkpoint, it is no BERT, or it has no such layers.
    """
    source, config, tokenizer = _opened(name_or_folder)
    if config.model_type != "bert":
        message = (
            f"{name_or_folder!r} is a {config.model_type!r}; students begin with a 'bert', any "
            "other classifier can be their teacher"
        )
        raise ConfigError(message)
    model = _classifier(source, config, num_labels=num_labels, seed=seed)
    keep_layers(model, layers)
    return Encoder(model, tokenizer, bert_frame(tokenizer), base=name_or_folder)


def load_classifier(
    name_or_folder: str,
    *,
    num_labels: int = 1,
    seed: int = 0,
    lora: Lora | None = None,
    recompute: bool = False,
) -> Encoder:
    """Load any checkpoint that transformers makes a sequence classifier of, as a teacher to be.

    Encoders (BERT, RoBERTa, XLM-R, DistilBERT, DeBERTa, ModernBERT) read pairs as their tokenizer
    joins them, decoder-only language models (Qwen3, Llama) as a prompt: the one in the
    checkpoint's ``qrm-teacher.json``, or else ``QUERY_PRODUCT``.

    Args:
        name_or_folder: A checkpoint's folder, ``minilm``, or a name on the Hugging Face hub.
        num_labels: Logits of a pair: 1 for a score, or the number of classes.
        seed: Of adapters, and of the head, where the checkpoint has none with that many labels.
        lora: Adapters that learn in the place of all weights.
        recompute: Keep less for the gradients and compute it twice (gradient checkpointing).

    Raises:
        ConfigError: If there is no such checkpoint, it cannot be a classifier, it cannot be padded,
            or it has no such layers for adapters.
    """
    import torch

    source, config, tokenizer = _opened(name_or_folder)
    reading = read_reading(source)
    prompt = reading.prompt if reading else None
    if reads_last_token(config):
        prompt = prompt or QUERY_PRODUCT
        config.use_cache = False  # nothing is generated
    agree_on_padding(tokenizer, config)
    model = _classifier(source, config, num_labels=num_labels, seed=seed)
    frame = frame_for(tokenizer, config, prompt)
    if recompute:
        _recompute(model)
    if lora is not None:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            model = add_lora(model, lora)
    return Encoder(model, tokenizer, frame, prompt, lora, name_or_folder)


def _recompute(model: "PreTrainedModel") -> None:
    try:
        with warnings.catch_warnings():  # its new name is not in the oldest transformers here
            warnings.simplefilter("ignore", FutureWarning)
            model.gradient_checkpointing_enable({"use_reentrant": False})
    except ValueError as error:
        message = f"{error} Train it without --gradient-checkpointing"
        raise ConfigError(message) from error


def _opened(name_or_folder: str) -> "tuple[str, PretrainedConfig, PreTrainedTokenizerFast]":
    """Return what transformers loads, and its configuration and tokenizer."""
    from transformers import AutoConfig, AutoTokenizer
    from transformers.utils import logging as transformers_logging

    transformers_logging.set_verbosity_error()  # a head that is new is what was asked for
    transformers_logging.disable_progress_bar()
    source = local_or_hub(name_or_folder)
    try:
        config = AutoConfig.from_pretrained(source)
        tokenizer = AutoTokenizer.from_pretrained(source)
    except (OSError, ValueError) as error:
        message = (
            f"cannot load {name_or_folder!r}: {error}; give a checkpoint's folder, {MINILM!r}, or"
            " a name on the Hugging Face hub"
        )
        raise ConfigError(message) from error
    return source, config, tokenizer


def _classifier(source: str, config: "PretrainedConfig", *, num_labels: int, seed: int) -> Any:  # noqa: ANN401 any architecture's
    import torch
    from transformers import AutoModelForSequenceClassification

    config.num_labels = num_labels
    if config.model_type == "bert":
        config.position_embedding_type = (
            "absolute"  # CTranslate2 asks for it; transformers 5 left it
        )
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return AutoModelForSequenceClassification.from_pretrained(
                source, config=config, ignore_mismatched_sizes=True, dtype=torch.float32
            )
    except (OSError, ValueError) as error:
        message = f"{source}: a {config.model_type!r} cannot be loaded as a classifier: {error}"
        raise ConfigError(message) from error


def keep_layers(model: "BertForSequenceClassification", layers: int | Sequence[int] | None) -> None:
    """Drop all but some of a model's layers, in place.

    Args:
        model: Its configuration is changed with it.
        layers: How many of the first to keep, or their indexes in the order to keep them.

    Raises:
        ConfigError: If the model has no such layer, or none would be left.
    """
    if layers is None:
        return
    there = model.config.num_hidden_layers
    kept = list(range(layers)) if isinstance(layers, int) else list(layers)
    if not kept or any(not 0 <= index < there for index in kept):
        message = f"layers {layers} of a model that has {there}: give some of 0..{there - 1}"
        raise ConfigError(message)
    stack = model.bert.encoder.layer
    model.bert.encoder.layer = type(stack)([stack[index] for index in kept])
    model.config.num_hidden_layers = len(kept)


def tiny_encoder(
    texts: Iterable[str],
    *,
    vocabulary: int,
    layers: int,
    hidden: int,
    heads: int,
    num_labels: int = 1,
    dropout: float = 0.0,
    seed: int = 0,
) -> Encoder:
    """Make a random BERT over a WordPiece vocabulary trained on the given texts.

    The same arguments give the same weights and the same vocabulary.

    Args:
        texts: Queries and products; read once.
        vocabulary: Word pieces at most, special tokens included.
        layers: 2 to 6 make a student.
        hidden: Width of a token's vector; the feed-forward layers are four times as wide.
        heads: Divides ``hidden``.
        num_labels: Logits of a pair: 1 for a score, or the number of classes.
        dropout: In training. Networks this small are short of capacity, and take several times
            as many steps to match words with BERT's usual 0.1.
        seed: Of the weights; the vocabulary needs none.

    Raises:
        ConfigError: If ``heads`` does not divide ``hidden``, or the vocabulary does not even hold
            the characters of the texts.
    """
    import torch
    from transformers import BertConfig, BertForSequenceClassification, PreTrainedTokenizerFast

    if hidden % heads:
        message = f"{heads} heads do not divide a width of {hidden}"
        raise ConfigError(message)
    pieces = train_word_pieces(texts, vocabulary=vocabulary)
    pad, unknown, first, between, masked = SPECIAL
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=pieces,
        pad_token=pad,
        unk_token=unknown,
        cls_token=first,
        sep_token=between,
        mask_token=masked,
        model_max_length=_MOST_TOKENS,
        model_input_names=["input_ids", "token_type_ids", "attention_mask"],
    )
    config = BertConfig(
        vocab_size=pieces.get_vocab_size(),
        hidden_size=hidden,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        intermediate_size=4 * hidden,
        max_position_embeddings=_MOST_TOKENS,
        pad_token_id=pieces.token_to_id(pad),
        num_labels=num_labels,
        position_embedding_type="absolute",
        hidden_dropout_prob=dropout,
        attention_probs_dropout_prob=dropout,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = BertForSequenceClassification(config)
    return Encoder(model, tokenizer, bert_frame(tokenizer))

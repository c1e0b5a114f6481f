"""Byte-level BPE vocabularies trained on given texts; no text is outside of them."""

from collections.abc import Iterable
from typing import Final

from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from tokenizers.trainers import BpeTrainer

from qrmiddleware.errors import ConfigError

PAD: Final = "<|pad|>"
END: Final = "<|end|>"
SPECIAL: Final = (PAD, END)
"""Special tokens in the order of their ids, from 0."""


def train_byte_pairs(texts: Iterable[str], *, vocabulary: int) -> Tokenizer:
    """Train a tokenizer that keeps every character, blanks and line ends too.

    Args:
        texts: Read once.
        vocabulary: Pieces at most, special tokens and the 256 bytes included.

    Raises:
        ConfigError: If the vocabulary does not even hold these.
    """
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    least = len(SPECIAL) + len(alphabet)
    if vocabulary < least:
        message = (
            f"a vocabulary of {vocabulary} does not hold {len(alphabet)} bytes and "
            f"{len(SPECIAL)} special tokens: give at least {least}"
        )
        raise ConfigError(message)
    pieces = Tokenizer(models.BPE())
    pieces.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    pieces.decoder = decoders.ByteLevel()
    trainer = BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=list(SPECIAL),
        initial_alphabet=sorted(alphabet),
        show_progress=False,
    )
    pieces.train_from_iterator(texts, trainer)
    return pieces

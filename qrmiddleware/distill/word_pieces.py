"""WordPiece vocabularies trained on a shop's own texts, the same ones every time."""

from collections.abc import Iterable
from typing import Final

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from tokenizers.trainers import WordPieceTrainer

from qrmiddleware.errors import ConfigError

SPECIAL: Final = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
"""Special tokens in the order of their ids, from 0."""


def train_word_pieces(texts: Iterable[str], *, vocabulary: int) -> Tokenizer:
    """Train a lower-casing WordPiece tokenizer, without accents, that reads pairs as BERT does.

    The library's trainer numbers the pieces inside words in the order of a hash table that is
    another in each process, and breaks ties by number. So they are numbered before it starts.

    Args:
        texts: Read once.
        vocabulary: Pieces at most, special tokens included.

    Raises:
        ConfigError: If the vocabulary does not even hold the characters of the texts.
    """
    pieces = _untrained(models.WordPiece(unk_token="[UNK]"))  # noqa: S106 - no password
    words = [word for text in texts for word in _words(pieces, text)]
    inside = sorted({f"##{letter}" for word in words for letter in word[1:]})
    least = len(SPECIAL) + len(inside) + len({word[0] for word in words})
    if least > vocabulary:
        message = (
            f"a vocabulary of {vocabulary} does not hold the characters of the texts, which with"
            f" special tokens are {least}: give a larger one"
        )
        raise ConfigError(message)
    trainer = WordPieceTrainer(
        vocab_size=vocabulary, special_tokens=[*SPECIAL, *inside], show_progress=False
    )
    pieces.train_from_iterator(words, trainer)
    trained = _untrained(
        models.WordPiece(pieces.get_vocab(), unk_token="[UNK]")  # noqa: S106 - no password
    )
    trained.add_special_tokens(list(SPECIAL))
    trained.decoder = decoders.WordPiece()
    first, between = SPECIAL.index("[CLS]"), SPECIAL.index("[SEP]")
    trained.post_processor = processors.BertProcessing(("[SEP]", between), ("[CLS]", first))
    return trained


def _untrained(model: models.WordPiece) -> Tokenizer:
    pieces = Tokenizer(model)
    pieces.normalizer = normalizers.BertNormalizer(lowercase=True)
    pieces.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return pieces


def _words(pieces: Tokenizer, text: str) -> list[str]:
    normal = pieces.normalizer.normalize_str(text)
    return [word for word, _ in pieces.pre_tokenizer.pre_tokenize_str(normal)]

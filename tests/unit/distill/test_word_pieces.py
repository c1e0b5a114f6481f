import hashlib
import subprocess
import sys

import pytest

from qrmiddleware.distill.word_pieces import SPECIAL, train_word_pieces
from qrmiddleware.errors import ConfigError

TEXTS = ["Crème brûlée torch", "torch lamp", "desk lamp", "lamps", "USB-C 充电 lamp ☂"]


def test_words_are_lower_cased_without_accents_and_special_tokens_come_first():
    pieces = train_word_pieces(TEXTS, vocabulary=80)

    assert [pieces.token_to_id(token) for token in SPECIAL] == [0, 1, 2, 3, 4]
    assert pieces.encode("LAMP brulee").ids == pieces.encode("lamp brûlée").ids
    assert pieces.decode(pieces.encode("desk torch").ids) == "desk torch"


def test_pairs_are_read_as_bert_reads_them():
    pieces = train_word_pieces(TEXTS, vocabulary=80)

    pair = pieces.encode("lamp", "desk lamp")

    assert pair.tokens[0] == "[CLS]"
    assert [
        pair.tokens[n]
        for n, (kind, after) in enumerate(zip(pair.type_ids, [*pair.type_ids[1:], 2], strict=True))
        if kind != after
    ] == ["[SEP]", "[SEP]"]


def test_text_cannot_smuggle_in_pieces_or_hashes():
    pieces = train_word_pieces(TEXTS, vocabulary=80)

    assert "##a" not in pieces.encode("##a", add_special_tokens=False).tokens[:1]


def test_a_vocabulary_that_is_too_small_for_the_characters_is_refused():
    with pytest.raises(ConfigError, match=r"vocabulary of 8 .* are \d+: give a larger one"):
        train_word_pieces(TEXTS, vocabulary=8)


def test_every_process_trains_the_same_vocabulary():
    code = (
        "import random\n"
        "from qrmiddleware.distill.word_pieces import train_word_pieces\n"
        "rng = random.Random(3)\n"
        "word = lambda: ''.join(rng.choice('abcdefghij') for _ in range(rng.randint(2, 7)))\n"
        "texts = [' '.join(word() for _ in range(6)) for _ in range(300)]\n"
        "print(train_word_pieces(texts, vocabulary=200).to_str())\n"
    )

    trained = {
        hashlib.sha256(subprocess.check_output([sys.executable, "-c", code])).hexdigest()
        for _ in range(3)
    }

    assert len(trained) == 1

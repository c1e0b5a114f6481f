import subprocess
import sys

import pytest

from qrmiddleware.distill.causal.byte_pairs import SPECIAL, train_byte_pairs
from qrmiddleware.errors import ConfigError

TEXTS = ["red shoe red shoe", "Größe 42, rot\n\n  weit", "category: match", "raisin raison"]
MAKE = (
    "from qrmiddleware.distill.causal.byte_pairs import train_byte_pairs;"
    f"print(train_byte_pairs({TEXTS!r}, vocabulary=290).to_str())"
)


@pytest.mark.parametrize("text", [*TEXTS, "靴 👟\r\n\tnew", "", "<|end|"])
def test_every_text_is_read_back_as_it_was(text):
    pieces = train_byte_pairs(TEXTS, vocabulary=290)

    assert pieces.decode(pieces.encode(text).ids) == text


def test_special_tokens_come_first_and_frequent_words_are_one_piece():
    pieces = train_byte_pairs(TEXTS, vocabulary=290)

    assert [pieces.token_to_id(token) for token in SPECIAL] == [0, 1]
    assert "Ġshoe" in pieces.encode("red shoe").tokens
    assert pieces.get_vocab_size() <= 290


def test_another_process_makes_the_same_vocabulary():
    made = {
        subprocess.check_output([sys.executable, "-c", MAKE], text=True).strip() for _ in range(2)
    }

    assert made == {train_byte_pairs(TEXTS, vocabulary=290).to_str()}


def test_a_vocabulary_that_does_not_hold_all_bytes_is_refused():
    with pytest.raises(ConfigError, match=r"256 bytes and 2 special tokens: give at least 258"):
        train_byte_pairs(TEXTS, vocabulary=257)

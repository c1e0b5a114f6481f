"""Tokenizers, as their makers saved them."""

import pytest

from qrmiddleware.distill.exporting.tokenizer import gives_token_types, load_tokenizer
from qrmiddleware.errors import ConfigError

pytestmark = pytest.mark.students


def test_a_vocabulary_of_ones_own_stays_what_it_is(make_checkpoint):
    """Transformers 5 makes a Qwen2Tokenizer of it, which reads none of these words."""
    tokenizer = load_tokenizer(make_checkpoint("qwen2", "generator"))

    words = tokenizer.convert_ids_to_tokens(tokenizer("red running shoes")["input_ids"])

    assert words == ["red", "running", "shoes"]


def test_token_types_are_told_by_what_the_tokenizer_gives(make_checkpoint):
    told = load_tokenizer(make_checkpoint("bert", "bi_encoder"))
    untold = load_tokenizer(make_checkpoint("bert", "bi_encoder", token_types=False, name="other"))

    assert gives_token_types(told)
    assert not gives_token_types(untold)


def test_truncation_and_padding_are_off(make_checkpoint):
    checkpoint = make_checkpoint("bert", "bi_encoder")
    tokenizer = load_tokenizer(checkpoint)
    tokenizer.backend_tokenizer.enable_truncation(3)
    tokenizer.save_pretrained(checkpoint)

    ids = load_tokenizer(checkpoint)("red running shoes")["input_ids"]

    assert len(ids) == 5


def test_a_folder_without_tokenizer_is_refused(make_checkpoint):
    checkpoint = make_checkpoint("bert", "bi_encoder")
    (checkpoint / "tokenizer.json").unlink()

    with pytest.raises(ConfigError, match="has no tokenizer"):
        load_tokenizer(checkpoint)


def test_a_broken_tokenizer_is_refused(make_checkpoint):
    checkpoint = make_checkpoint("bert", "bi_encoder")
    (checkpoint / "tokenizer.json").write_text("{}")

    with pytest.raises(ConfigError, match="no tokenizer that transformers can load"):
        load_tokenizer(checkpoint)

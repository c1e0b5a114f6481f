"""Conversion of networks."""

from types import SimpleNamespace

import pytest

from qrmiddleware.distill.exporting.architectures import Check, Mend
from qrmiddleware.distill.exporting.converted import encode, open_encoder
from qrmiddleware.distill.exporting.converter import _CHECKS, _MENDS, convert_network
from qrmiddleware.errors import ConfigError


def mended(mend: Mend, **config):
    configuration = SimpleNamespace(**config)
    _MENDS[mend](configuration)
    return vars(configuration)


def checked(check: Check, **config):
    _CHECKS[check](SimpleNamespace(**config))


def test_positions_are_absolute_unless_they_are_said_to_be_otherwise():
    assert mended("absolute_positions") == {"position_embedding_type": "absolute"}
    relative = {"position_embedding_type": "relative_key"}
    assert mended("absolute_positions", **relative) == relative


def test_bart_normalises_after_its_blocks():
    assert mended("post_norm") == {"normalize_before": False, "normalize_embedding": True}


@pytest.mark.parametrize(
    ("config", "scaled"), [({"scale_decoder_outputs": True}, True), ({}, False)]
)
def test_only_the_first_t5_scales_its_outputs(config, scaled):
    assert mended("output_scale", **config)["tie_word_embeddings"] is scaled


def test_roberta_needs_padding_at_one():
    checked("pad_is_one", model_type="roberta", pad_token_id=1)
    with pytest.raises(ConfigError, match="pad_token_id, which is 0 in this checkpoint"):
        checked("pad_is_one", model_type="roberta", pad_token_id=0)


def test_marian_needs_padding_at_the_end():
    checked("pad_is_last", model_type="marian", vocab_size=9, pad_token_id=8)
    with pytest.raises(ConfigError, match="as its last token, 8 here"):
        checked("pad_is_last", model_type="marian", vocab_size=9, pad_token_id=0)


@pytest.mark.students
def test_an_unused_pooler_is_cleared(make_checkpoint, tmp_path):
    checkpoint = make_checkpoint("bert", "bi_encoder")
    convert_network(checkpoint, tmp_path / "model", with_pooler=False)

    row = ((2, 5, 3), (0, 0, 0))
    assert not encode(open_encoder(tmp_path / "model"), [row], "pooler").any()


@pytest.mark.students
def test_a_checkpoint_with_another_padding_is_refused(make_checkpoint, tmp_path):
    checkpoint = make_checkpoint("xlm-roberta", "bi_encoder", pad_token_id=0)

    with pytest.raises(ConfigError, match="must be 1"):
        convert_network(checkpoint, tmp_path / "model")


@pytest.mark.students
def test_a_network_with_something_else_in_it_is_refused(make_checkpoint, tmp_path):
    checkpoint = make_checkpoint("bert", "bi_encoder", hidden_act="mish")

    with pytest.raises(ConfigError, match="cannot be converted: 'mish'"):
        convert_network(checkpoint, tmp_path / "model")

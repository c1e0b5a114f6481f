"""What a checkpoint itself answers."""

import numpy as np
import pytest

from qrmiddleware.distill.exporting.checkpoint import read_checkpoint
from qrmiddleware.distill.exporting.reference import load_reference
from qrmiddleware.errors import ConfigError

pytestmark = pytest.mark.students

PAIR = ("red running shoes", "yoga mat")


def load(folder, kind=None, **options):
    return load_reference(read_checkpoint(folder, kind), **options)


def test_pairs_have_types_where_the_tokenizer_gives_some(make_checkpoint):
    told = load(make_checkpoint("bert", "cross_encoder"))
    untold = load(make_checkpoint("roberta", "cross_encoder", name="other"))

    assert told.pair_ids(*PAIR)[1] == (0, 0, 0, 0, 0, 1, 1, 1)
    assert set(untold.pair_ids(*PAIR)[1]) == {0}
    assert not np.allclose(told.logits([PAIR]), told.logits([PAIR[::-1]]))


def test_poolings_differ(make_checkpoint):
    reference = load(make_checkpoint("bert", "bi_encoder"))

    mean, first, pooler = (reference.vectors(PAIR, each) for each in ("mean", "first", "pooler"))

    assert mean.shape == first.shape == pooler.shape == (2, 32)
    assert not np.allclose(mean, first)
    assert np.abs(pooler).max() <= 1


@pytest.mark.parametrize(("family", "count"), [("qwen3", 4), ("t5", 3)])
def test_teacher_forcing_gives_a_logarithm_a_token(make_checkpoint, family, count):
    reference = load(make_checkpoint(family, "generator"))

    found = reference.log_probabilities(*PAIR)

    assert found.shape == (count,)
    assert (found < 0).all()


@pytest.mark.parametrize("family", ["qwen3", "t5"])
def test_greedy_tokens_are_the_likeliest(make_checkpoint, family):
    reference = load(make_checkpoint(family, "generator"))
    written = reference.greedy(PAIR[0], 3)
    text = " ".join(reference.tokens(written))

    assert len(written) <= 3
    forced = reference.log_probabilities(PAIR[0], text)
    place = 0 if family == "t5" else len(reference.source_ids(PAIR[0])) - 1
    others = [reference.log_probabilities(PAIR[0], word)[place] for word in ("yoga", "mat")]
    assert all(forced[place] >= other for other in others)


def test_a_classifier_that_was_never_trained_is_refused(make_checkpoint):
    checkpoint = make_checkpoint("bert", "bi_encoder")

    with pytest.raises(ConfigError, match=r"no weights classifier\.bias, classifier\.weight"):
        load(checkpoint, "cross_encoder")


def test_a_pooler_may_be_missing_where_it_is_not_used(make_checkpoint):
    import transformers

    checkpoint = make_checkpoint("bert", "bi_encoder")
    bare = transformers.BertModel.from_pretrained(checkpoint, add_pooling_layer=False)
    (checkpoint / "model.safetensors").unlink()
    bare.save_pretrained(checkpoint)

    assert load(checkpoint, with_pooler=False).vectors(PAIR, "mean").shape == (2, 32)
    with pytest.raises(ConfigError, match=r"no weights pooler\.dense"):
        load(checkpoint)


def test_broken_weights_are_refused(make_checkpoint):
    checkpoint = make_checkpoint("bert", "bi_encoder")
    (checkpoint / "model.safetensors").write_bytes(b"broken")

    with pytest.raises(ConfigError, match="cannot be loaded by transformers"):
        load(checkpoint)

"""What a manifest says of a new student."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from qrmiddleware.distill.exporting.architectures import family_of
from qrmiddleware.distill.exporting.checkpoint import Checkpoint
from qrmiddleware.distill.exporting.describing import Wishes, describe, pooling_of
from qrmiddleware.distill.exporting.reference import Reference
from qrmiddleware.distill.exporting.sentence_transformer import SentenceTransformer
from qrmiddleware.errors import ConfigError
from qrmiddleware.students.manifest import Calibration, Inputs, Provenance

ESCI = {"0": "E", "1": "S", "2": "C", "3": "I"}


@pytest.fixture
def make_reference(tmp_path):
    """A checkpoint, as if it were loaded."""
    (tmp_path / "model.safetensors").write_bytes(b"weights")

    def make(family="bert", kind="cross_encoder", *, trained=None, pooling="first", **config):
        surrounding = trained and SentenceTransformer(tmp_path, pooling, None, trained)
        checkpoint = Checkpoint(
            tmp_path, config, family_of(family), kind, surrounding, "mini", "apache-2.0"
        )
        sizes = {"num_hidden_layers": 2, "hidden_size": 8, "vocab_size": 40}
        decoders = {"num_decoder_layers": 1} if family == "t5" else {"decoder_layers": 3}
        model = SimpleNamespace(
            config=SimpleNamespace(**sizes, **decoders),
            parameters=lambda: [SimpleNamespace(numel=lambda: 100)],
        )
        text = '{"normalizer": {"type": "Sequence", "normalizers": [{"type": "Lowercase"}]}}'
        tokenizer = SimpleNamespace(
            backend_tokenizer=SimpleNamespace(to_str=lambda: text),
            model_input_names=["input_ids", "token_type_ids"],
        )
        return Reference(checkpoint, model, tokenizer)

    return make


def test_the_checkpoint_tells_what_it_is(make_reference):
    made = describe(make_reference(id2label={"0": "x"}, max_position_embeddings=64), Wishes())

    assert (made.name, made.kind, made.labels, made.gains) == ("mini", "cross_encoder", (), ())
    assert (made.architecture.pooling, made.architecture.parameters) == ("pooler", 100)
    assert (made.inputs.max_tokens, made.inputs.token_types, made.inputs.lowercase) == (
        64, True, True,
    )  # fmt: skip
    assert (made.provenance.base, made.provenance.licence) == ("mini", "apache-2.0")
    assert "model.safetensors" in made.provenance.settings["weights_sha256"]
    assert made.provenance.created.endswith("+00:00")


def test_what_the_maker_says_comes_first(make_reference):
    wishes = Wishes(
        name="margin",
        labels=("good", "bad"),
        gains=(1.0, 0.0),
        inputs=Inputs(max_tokens=48, fields=("title", "brand")),
        provenance=Provenance(recipe="walmart_kd", base="scratch", settings={"seed": 1}),
        quality={"nDCG@10": 0.9},
    )

    made = describe(make_reference(max_position_embeddings=64), wishes)

    assert (made.name, made.labels, made.gains) == ("margin", ("good", "bad"), (1.0, 0.0))
    assert (made.inputs.max_tokens, made.inputs.fields) == (48, ("title", "brand"))
    assert (made.provenance.recipe, made.provenance.base) == ("walmart_kd", "scratch")
    assert made.provenance.settings["seed"] == 1
    assert made.quality == {"nDCG@10": 0.9}


def test_the_gains_of_esci_are_known_by_letter_and_name(make_reference):
    letters = describe(make_reference(id2label=ESCI), Wishes())
    names = describe(make_reference(), Wishes(labels=("Irrelevant", "Exact")))

    assert letters.gains == (1.0, 0.1, 0.01, 0.0)
    assert names.gains == (0.0, 1.0)


def test_lengths_are_those_of_training(make_reference):
    trained = describe(make_reference("bert", "bi_encoder", trained=96), Wishes())
    short = Wishes(inputs=Inputs(max_query_tokens=9))

    assert (trained.inputs.max_tokens, trained.architecture.pooling) == (96, "first")
    assert describe(make_reference("bert", "bi_encoder", trained=96), short).inputs == Inputs(
        max_query_tokens=9, max_tokens=96, lowercase=True
    )


def test_a_query_leaves_a_text_half_of_a_pair_where_nothing_is_told(make_reference):
    single = make_reference(id2label={"0": "x"}, max_position_embeddings=24)

    made = describe(single, Wishes())

    assert (made.inputs.max_tokens, made.inputs.max_query_tokens) == (24, 12)


def test_prefixes_are_those_of_training_unless_said_otherwise(make_reference):
    reference = make_reference("bert", "bi_encoder", trained=96)
    trained = replace(reference.checkpoint.sentence_transformer, query_prefix="query: ")
    checkpoint = replace(reference.checkpoint, sentence_transformer=trained)
    reference = replace(reference, checkpoint=checkpoint)

    found = describe(reference, Wishes()).inputs
    told = describe(reference, Wishes(inputs=Inputs(query_prefix="", text_prefix="p: "))).inputs

    assert (found.query_prefix, found.text_prefix) == ("query: ", "")
    assert (told.query_prefix, told.text_prefix) == ("", "p: ")


@pytest.mark.parametrize(("family", "layers"), [("t5", 3), ("marian", 5), ("qwen3", 2)])
def test_layers_of_both_halves_are_counted(make_reference, family, layers):
    made = describe(make_reference(family, "generator"), Wishes())

    assert made.architecture.layers == layers
    assert made.architecture.encoder_decoder is (family != "qwen3")


REFUSED = [
    ({"kind": "cross_encoder"}, Wishes(), r"say what each is worth"),
    ({"kind": "cross_encoder"}, Wishes(labels=("a",)), "1 labels are given, and .* has 2"),
    ({"id2label": {"0": "x"}}, Wishes(labels=("a",)), "a single logit, which needs none"),
    ({"kind": "cross_encoder"}, Wishes(gains=(1.0,)), "1 gains are given, and there are 2"),
    ({"kind": "cross_encoder"}, Wishes(gains=(1.0, 2.0)), "must be from 0 to 1"),
    ({"kind": "bi_encoder"}, Wishes(labels=("a",)), "labels and gains are of a cross_encoder"),
    ({"kind": "bi_encoder"}, Wishes(calibration=Calibration()), "a calibration is of a cross"),
    (
        {"id2label": {"0": "x"}},
        Wishes(inputs=Inputs(max_query_tokens=31, max_tokens=34)),
        "which leaves a text nothing of 34 tokens",
    ),
    (
        {"id2label": {"0": "x"}},
        Wishes(inputs=Inputs(text_prefix="p: ")),
        "prefixes are of a bi_encoder",
    ),
    (
        {"kind": "bi_encoder", "max_position_embeddings": 16},
        Wishes(inputs=Inputs(max_tokens=17)),
        "max_tokens is 17, and .* places for 16",
    ),
]


@pytest.mark.parametrize(("given", "wishes", "problem"), REFUSED)
def test_wishes_that_do_not_fit_are_refused(make_reference, given, wishes, problem):
    with pytest.raises(ConfigError, match=problem):
        describe(make_reference(**given), wishes)


def test_poolings_are_what_the_network_has(make_reference):
    bert = make_reference(kind="bi_encoder").checkpoint
    assert pooling_of(bert, None) == "mean"
    assert pooling_of(bert, "pooler") == "pooler"
    assert pooling_of(make_reference("roberta").checkpoint, None) == "first"
    assert pooling_of(make_reference("gpt2", "generator").checkpoint, None) is None


def test_another_pooling_than_in_training_is_refused(make_reference):
    with pytest.raises(ConfigError, match="pools by first, not by mean"):
        pooling_of(make_reference(kind="bi_encoder", trained=9).checkpoint, "mean")
    with pytest.raises(ConfigError, match="distilbert has no pooler"):
        pooling_of(make_reference("distilbert", "bi_encoder").checkpoint, "pooler")

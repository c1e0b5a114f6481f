"""Exports as a whole; every architecture's is in test_contract."""

import json

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from qrmiddleware.distill.exporting.checkpoint import read_checkpoint
from qrmiddleware.distill.exporting.export import STEPS, export_student, measure_again
from qrmiddleware.distill.exporting.parity import Thresholds
from qrmiddleware.distill.exporting.reference import load_reference
from qrmiddleware.errors import ConfigError
from qrmiddleware.students.bi_encoder import BiEncoder
from qrmiddleware.students.cross_encoder import CrossEncoder
from qrmiddleware.students.folder import read_student
from qrmiddleware.students.heads import softmax
from qrmiddleware.students.manifest import Calibration, Provenance
from qrmiddleware.students.settings import RuntimeSettings

pytestmark = pytest.mark.students


@pytest.fixture
def sentence_transformer(make_checkpoint):
    """A checkpoint with what sentence-transformers writes around it."""
    folder = make_checkpoint("bert", "bi_encoder", name="sentence")
    types = ("Transformer", "Pooling", "Dense", "Normalize")
    paths = ("", "1_Pooling", "2_Dense", "3_Normalize")
    modules = [{"path": path, "type": f"m.{name}"} for path, name in zip(paths, types, strict=True)]
    (folder / "modules.json").write_text(json.dumps(modules))
    (folder / "sentence_bert_config.json").write_text('{"max_seq_length": 64}')
    for name in paths[1:]:
        (folder / name).mkdir()
    (folder / "1_Pooling" / "config.json").write_text('{"pooling_mode_cls_token": true}')
    (folder / "2_Dense" / "config.json").write_text('{"activation_function": "torch.nn.Tanh"}')
    drawn = np.random.default_rng(1).normal(0, 0.3, (16, 32)).astype(np.float32)
    save_file({"linear.weight": drawn}, folder / "2_Dense" / "model.safetensors")
    return folder


def test_what_sentence_transformers_wrote_is_kept(sentence_transformer, tmp_path):
    made = export_student(sentence_transformer, tmp_path / "student")

    assert (made.kind, made.architecture.pooling, made.inputs.max_tokens) == (
        "bi_encoder", "first", 64,
    )  # fmt: skip
    opened = BiEncoder.open(tmp_path / "student")
    assert opened.vectors(["yoga mat"]).shape == (1, 16)
    opened.close()


def test_prefixes_are_kept_and_compared(sentence_transformer, tmp_path):
    declared = {"prompts": {"query": "yoga mat ", "document": "red "}}
    (sentence_transformer / "config_sentence_transformers.json").write_text(json.dumps(declared))

    made = export_student(sentence_transformer, tmp_path / "student", stored="float32")

    assert (made.inputs.query_prefix, made.inputs.text_prefix) == ("yoga mat ", "red ")
    assert made.parity.correlation > 0.9999


def test_steps_are_told_and_what_is_known_is_written(make_checkpoint, tmp_path):
    told = []

    made = export_student(
        make_checkpoint("bert", "cross_encoder", num_labels=1),
        tmp_path / "student",
        name="margin",
        languages=("en", "de"),
        calibration=Calibration(slope=2.0),
        provenance=Provenance(recipe="walmart_kd"),
        quality={"nDCG@10": 0.9},
        tell=told.append,
    )

    assert tuple(told) == STEPS
    assert (made.name, made.languages) == ("margin", ("en", "de"))
    assert made.calibration == Calibration(slope=2.0)
    assert made.provenance.recipe == "walmart_kd"
    assert made.quality == {"nDCG@10": 0.9}


def test_the_same_checkpoint_gives_the_same_files(make_checkpoint, tmp_path):
    checkpoint = make_checkpoint("roberta", "cross_encoder", num_labels=1)

    one, two = (export_student(checkpoint, tmp_path / name) for name in ("one", "two"))

    assert one.files == two.files


def test_a_student_is_replaced_when_asked(make_checkpoint, tmp_path):
    checkpoint = make_checkpoint("distilbert", "bi_encoder")
    export_student(checkpoint, tmp_path / "student", name="old")
    with pytest.raises(ConfigError, match="holds a student already"):
        export_student(checkpoint, tmp_path / "student")

    export_student(checkpoint, tmp_path / "student", name="new", replace=True)

    assert read_student(tmp_path / "student").manifest.name == "new"


def test_what_a_threshold_does_not_allow_is_not_written(make_checkpoint, tmp_path):
    checkpoint = make_checkpoint("bert", "bi_encoder")

    with pytest.raises(ConfigError, match=r"mean cosine is .* must be 1\.1"):
        export_student(checkpoint, tmp_path / "student", thresholds=Thresholds(cosine=1.1))

    assert list(tmp_path.iterdir()) == [checkpoint]


def test_an_export_can_be_compared_again(make_checkpoint, tmp_path):
    checkpoint = make_checkpoint("bert", "cross_encoder", num_labels=1)
    made = export_student(checkpoint, tmp_path / "student")
    student = read_student(tmp_path / "student")

    assert measure_again(checkpoint, student) == made.parity
    other = make_checkpoint("bert", "cross_encoder", name="other", num_hidden_layers=1)
    with pytest.raises(ConfigError, match="was not made of"):
        measure_again(other, student)


def test_a_generator_without_an_end_is_refused(make_checkpoint, tmp_path):
    checkpoint = make_checkpoint("gpt2", "generator")
    settings = json.loads((checkpoint / "tokenizer_config.json").read_text())
    del settings["eos_token"]
    (checkpoint / "tokenizer_config.json").write_text(json.dumps(settings))

    with pytest.raises(ConfigError, match="a tokenizer without eos_token"):
        export_student(checkpoint, tmp_path / "student")

    assert not (tmp_path / "student").exists()


def test_a_generator_needs_no_other_special_token_than_its_end(make_checkpoint, tmp_path):
    checkpoint = make_checkpoint("gpt2", "generator")
    settings = json.loads((checkpoint / "tokenizer_config.json").read_text())
    del settings["bos_token"], settings["unk_token"]
    (checkpoint / "tokenizer_config.json").write_text(json.dumps(settings))

    made = export_student(
        checkpoint, tmp_path / "student", thresholds=Thresholds(equal_outputs=0.3)
    )

    assert made.parity.float32_difference < 1e-3


ASPECTS = {"aspects": ("category", "brand", "size"), "verdicts": ("match", "mismatch", "untold")}


@pytest.fixture
def reasoning(make_checkpoint):
    """A checkpoint with logits of four classes, and of three verdicts on each of three aspects."""
    return make_checkpoint("roberta", "cross_encoder", num_labels=13)


CLASSES = {"labels": ("E", "S", "C", "I")}


@pytest.mark.parametrize("stored", ["float32", "int8"])
def test_verdicts_are_kept_and_compared(reasoning, tmp_path, stored):
    made = export_student(reasoning, tmp_path / "student", stored=stored, **CLASSES, **ASPECTS)

    assert (made.labels, made.gains) == (("E", "S", "C", "I"), (1.0, 0.1, 0.01, 0.0))
    assert (made.aspects, made.verdicts) == (ASPECTS["aspects"], ASPECTS["verdicts"])
    assert made.parity.equal_verdicts >= (0.999 if stored == "float32" else 0.9)
    head = load_file(tmp_path / "student" / "head.safetensors")
    assert (head["out.weight"].shape, head["aspects.weight"].shape) == ((4, 32), (9, 32))
    again = measure_again(reasoning, read_student(tmp_path / "student"))
    assert again == made.parity


def test_verdicts_are_those_of_the_checkpoints_last_logits(reasoning, tmp_path):
    export_student(reasoning, tmp_path / "student", stored="float32", **CLASSES, **ASPECTS)
    theirs = load_reference(read_checkpoint(reasoning)).logits([("yoga mat", "red cable")])
    settings = RuntimeSettings(device="cpu", compute_type="float32")
    student = CrossEncoder.open(tmp_path / "student", settings)

    found = student.verdicts("yoga mat", ["red cable"])

    shares = softmax(theirs[:, 4:].reshape(3, 3)).reshape(1, 3, 3)
    np.testing.assert_allclose(found, shares, atol=1e-3)
    student.close()


def test_a_single_logit_may_have_verdicts_behind_it(make_checkpoint, tmp_path):
    checkpoint = make_checkpoint("bert", "cross_encoder", num_labels=10)

    made = export_student(checkpoint, tmp_path / "student", **ASPECTS)

    assert (made.labels, len(made.aspects)) == ((), 3)


def test_verdicts_that_get_lost_in_rounding_are_not_written(reasoning, tmp_path):
    with pytest.raises(ConfigError, match="share of equal verdicts on aspects is 0"):
        export_student(
            reasoning,
            tmp_path / "student",
            thresholds=Thresholds(equal_verdicts=1.01),
            **CLASSES,
            **ASPECTS,
        )
    assert not (tmp_path / "student").exists()


def test_more_verdicts_than_logits_are_refused(make_checkpoint, tmp_path):
    checkpoint = make_checkpoint("bert", "cross_encoder", num_labels=4)

    with pytest.raises(ConfigError, match="has 4 logits, and verdicts on aspects alone need 9"):
        export_student(checkpoint, tmp_path / "student", **ASPECTS)

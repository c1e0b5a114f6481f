"""Exports as a whole; every architecture's is in test_contract."""

import json

import numpy as np
import pytest
from safetensors.numpy import save_file

from qrmiddleware.distill.exporting.export import STEPS, export_student, measure_again
from qrmiddleware.distill.exporting.parity import Thresholds
from qrmiddleware.errors import ConfigError
from qrmiddleware.students.bi_encoder import BiEncoder
from qrmiddleware.students.folder import read_student
from qrmiddleware.students.manifest import Calibration, Provenance

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

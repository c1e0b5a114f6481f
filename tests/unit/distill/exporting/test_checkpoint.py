"""Checkpoints in folders, looked over without torch."""

import hashlib
import json

import pytest

from qrmiddleware.distill.exporting.checkpoint import read_checkpoint
from qrmiddleware.errors import ConfigError


def write_checkpoint(folder, *, weights="model.safetensors", **config):
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text(json.dumps({"model_type": "bert"} | config))
    (folder / weights).write_bytes(b"weights")
    return folder


KINDS = [
    ("bert", "BertForSequenceClassification", "cross_encoder"),
    ("bert", "BertModel", "bi_encoder"),
    ("qwen3", "Qwen3ForCausalLM", "generator"),
    ("gpt2", "GPT2LMHeadModel", "generator"),
    ("t5", "T5ForConditionalGeneration", "generator"),
    ("marian", "MarianMTModel", "generator"),
]


@pytest.mark.parametrize(("family", "architecture", "kind"), KINDS)
def test_the_kind_is_told_by_the_configuration(tmp_path, family, architecture, kind):
    write_checkpoint(tmp_path / "c", model_type=family, architectures=[architecture])

    assert read_checkpoint(tmp_path / "c").kind == kind


def test_a_masked_model_does_not_tell_its_kind(tmp_path):
    write_checkpoint(tmp_path / "c", architectures=["BertForMaskedLM"])

    with pytest.raises(ConfigError, match="names BertForMaskedLM, from which the kind"):
        read_checkpoint(tmp_path / "c")
    assert read_checkpoint(tmp_path / "c", "bi_encoder").kind == "bi_encoder"


def test_a_checkpoint_of_sentence_transformers_is_a_bi_encoder(tmp_path):
    folder = write_checkpoint(tmp_path / "c", architectures=["BertModel"])
    types = ("Transformer", "Pooling")
    modules = [{"path": path, "type": name} for path, name in zip(("", "p"), types, strict=True)]
    (folder / "modules.json").write_text(json.dumps(modules))
    (folder / "p").mkdir()
    (folder / "p" / "config.json").write_text('{"pooling_mode": "cls"}')

    found = read_checkpoint(folder)

    assert (found.kind, found.folder, found.sentence_transformer.pooling) == (
        "bi_encoder", folder, "first",
    )  # fmt: skip


def test_labels_come_in_the_order_of_the_logits(tmp_path):
    named = {"1": "yes", "0": "no"}
    write_checkpoint(tmp_path / "c", architectures=["BertModel"], id2label=named)
    write_checkpoint(tmp_path / "d", architectures=["BertModel"], id2label={"0": "LABEL_0"})
    write_checkpoint(tmp_path / "e", architectures=["BertModel"])

    assert read_checkpoint(tmp_path / "c").labels == ("no", "yes")
    assert read_checkpoint(tmp_path / "d").labels == ()
    assert read_checkpoint(tmp_path / "e").labels == ("LABEL_0", "LABEL_1")


def test_positions_are_those_that_tokens_can_take(tmp_path):
    write_checkpoint(tmp_path / "b", architectures=["BertModel"], max_position_embeddings=512)
    write_checkpoint(
        tmp_path / "r", model_type="roberta", architectures=["RobertaModel"],
        max_position_embeddings=514,
    )  # fmt: skip
    write_checkpoint(tmp_path / "t", model_type="t5", architectures=["T5ForConditionalGeneration"])

    assert read_checkpoint(tmp_path / "b").positions == 512
    assert read_checkpoint(tmp_path / "r").positions == 512
    assert read_checkpoint(tmp_path / "t").positions is None


def test_name_licence_and_hashes_are_read(tmp_path):
    folder = write_checkpoint(tmp_path / "mini", architectures=["BertModel"])
    (folder / "README.md").write_text("---\ntags: [x]\nlicense: apache-2.0\n---\n# Mini\n")

    found = read_checkpoint(folder)

    assert (found.name, found.licence) == ("mini", "apache-2.0")
    sha256 = hashlib.sha256(b"weights").hexdigest()
    assert found.weight_hashes() == {"model.safetensors": sha256}


def test_a_card_without_a_head_has_no_licence(tmp_path):
    folder = write_checkpoint(tmp_path / "mini", architectures=["BertModel"])
    (folder / "README.md").write_text("license: none\n")

    assert read_checkpoint(folder).licence == ""


def test_pickled_weights_are_refused_with_what_to_do(tmp_path):
    write_checkpoint(tmp_path / "c", architectures=["BertModel"], weights="pytorch_model.bin")

    with pytest.raises(ConfigError, match=r"pytorch_model\.bin only, .* save_pretrained"):
        read_checkpoint(tmp_path / "c")


def test_a_folder_without_weights_is_refused(tmp_path):
    write_checkpoint(tmp_path / "c", architectures=["BertModel"], weights="notes.txt")

    with pytest.raises(ConfigError, match="has no weights"):
        read_checkpoint(tmp_path / "c")


def test_what_is_no_folder_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"is no folder: .* downloaded first"):
        read_checkpoint(tmp_path / "org" / "model")


def test_a_folder_without_configuration_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"config\.json cannot be read"):
        read_checkpoint(tmp_path)


def test_a_kind_that_the_family_cannot_be_is_refused(tmp_path):
    write_checkpoint(tmp_path / "c", architectures=["BertModel"])

    with pytest.raises(ConfigError, match="cannot be made a generator"):
        read_checkpoint(tmp_path / "c", "generator")

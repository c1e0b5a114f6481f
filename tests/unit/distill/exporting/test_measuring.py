"""Comparisons of students with their checkpoints."""

import pytest

from qrmiddleware.distill.exporting.checkpoint import read_checkpoint
from qrmiddleware.distill.exporting.converter import convert_network
from qrmiddleware.distill.exporting.export import export_student
from qrmiddleware.distill.exporting.measuring import as_stored, measure_parity
from qrmiddleware.distill.exporting.reference import load_reference
from qrmiddleware.students.folder import read_student
from qrmiddleware.students.manifest import Architecture, Manifest


def make_manifest(stored):
    network = Architecture(family="gpt2", layers=1, hidden=1, vocabulary=1, parameters=1)
    return Manifest(kind="generator", name="x", architecture=network, stored=stored, files={})


@pytest.mark.parametrize(
    ("stored", "computed"),
    [("int8", "int8"), ("int8_float16", "int8"), ("float16", "float32"), ("float32", "float32")],
)
def test_arithmetic_is_as_precise_as_the_stored_weights(stored, computed):
    settings = as_stored(make_manifest(stored))

    assert (settings.device, settings.compute_type) == ("cpu", computed)


@pytest.mark.students
def test_probes_are_cut_to_what_the_student_reads(make_checkpoint, tmp_path):
    checkpoint = make_checkpoint("bert", "cross_encoder", num_labels=1, max_position_embeddings=16)
    export_student(checkpoint, tmp_path / "student")
    convert_network(checkpoint, tmp_path / "plain")
    long = " ".join(["red running shoes"] * 20)

    found = measure_parity(
        load_reference(read_checkpoint(checkpoint)),
        tmp_path / "plain",
        read_student(tmp_path / "student"),
        [("yoga mat", long), (long, "yoga mat"), ("hdmi", "cable")],
    )

    assert found.probes == 3
    assert found.float32_difference < 1e-3


@pytest.mark.students
def test_another_network_differs(make_checkpoint, tmp_path):
    checkpoint = make_checkpoint("bert", "bi_encoder")
    export_student(checkpoint, tmp_path / "student")
    other = make_checkpoint("bert", "bi_encoder", name="other", hidden_act="relu")
    convert_network(other, tmp_path / "plain")

    found = measure_parity(
        load_reference(read_checkpoint(checkpoint)),
        tmp_path / "plain",
        read_student(tmp_path / "student"),
        [("red running shoes", "yoga mat")],
    )

    assert found.float32_difference > 1e-3
    assert found.correlation > 0.98

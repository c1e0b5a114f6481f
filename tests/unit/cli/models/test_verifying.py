"""``qrm models verify``."""

import pytest

from qrmiddleware.cli.models.verifying import describe_parity
from qrmiddleware.distill.exporting import libraries
from qrmiddleware.students.manifest import Parity


def test_a_good_student_answers(qrm, make_student):
    folder = make_student()

    ran = qrm("models", "verify", folder)

    assert ran.code == 0, ran.err
    assert "files are those that 'margin' lists" in ran.out
    assert "84 pairs are scored from" in ran.out


def test_probes_of_ones_own_are_asked(qrm, make_student, tmp_path):
    folder = make_student()
    (tmp_path / "probes.txt").write_text("\n".join(f"shoe {n}" for n in range(60)))

    assert "60 pairs" in qrm("models", "verify", folder, "--probes", "probes.txt").out


def test_a_tampered_student_is_told(qrm, make_student):
    folder = make_student()
    (folder / "head.safetensors").write_bytes(b"")

    ran = qrm("models", "verify", folder)

    assert ran.code == 2
    assert "head.safetensors has 0 bytes" in ran.err


def test_missing_libraries_are_told_with_their_extra(qrm, make_student, monkeypatch):
    folder = make_student()
    monkeypatch.setattr(libraries.importlib.util, "find_spec", lambda name: None)

    ran = qrm("models", "verify", folder)

    assert ran.code == 2
    assert "pip install 'qrmiddleware[students]'" in ran.err


def test_comparing_needs_the_extra_distill(qrm, make_student, monkeypatch, tmp_path):
    folder = make_student()
    found = libraries.importlib.util.find_spec
    monkeypatch.setattr(
        libraries.importlib.util, "find_spec", lambda name: None if name == "torch" else found(name)
    )

    ran = qrm("models", "verify", folder, "--checkpoint", tmp_path)

    assert ran.code == 2
    assert "torch" in ran.err
    assert "pip install 'qrmiddleware[distill]'" in ran.err


@pytest.mark.parametrize(
    ("parity", "described"),
    [
        (
            Parity(probes=84, float32_difference=2e-6, correlation=0.9971),
            "84 probes, largest difference 2e-06, correlation 0.9971 as stored",
        ),
        (
            Parity(probes=60, float32_difference=0, equal_outputs=0.95),
            "60 probes, largest difference 0, 95.0% equal outputs as stored",
        ),
    ],
)
def test_parity_is_a_line(parity, described):
    assert describe_parity(parity) == described

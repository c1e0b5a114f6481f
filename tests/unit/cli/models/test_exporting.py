"""``qrm models export``; what it writes is tested with exports themselves."""

import json

import pytest

from qrmiddleware.cli.models.exporting import _report
from qrmiddleware.distill.exporting import libraries
from qrmiddleware.students.folder import read_student


@pytest.fixture
def with_libraries(monkeypatch):
    """Torch seems to be there, for errors that come before it is imported."""
    monkeypatch.setattr(libraries.importlib.util, "find_spec", lambda name: object())


def test_missing_libraries_are_told_with_their_extra(qrm, monkeypatch, tmp_path):
    monkeypatch.setattr(libraries.importlib.util, "find_spec", lambda name: None)

    ran = qrm("models", "export", tmp_path, "--to", "student")

    assert ran.code == 2
    assert "pip install 'qrmiddleware[distill]'" in ran.err


@pytest.mark.usefixtures("with_libraries")
@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ((), "has no weights"),
        (("--kind", "generator"), "cannot be made a generator"),
        (("--gains", "much"), "--gains are numbers between commas"),
        (("--probes", "none.txt"), "none.txt cannot be read as probes"),
    ],
)
def test_what_cannot_work_is_told_before_anything_is_loaded(qrm, tmp_path, options, problem):
    (tmp_path / "c").mkdir()
    config = {"model_type": "bert", "architectures": ["BertModel"]}
    (tmp_path / "c" / "config.json").write_text(json.dumps(config))

    ran = qrm("models", "export", "c", "--to", "student", *options)

    assert ran.code == 2
    assert problem in ran.err
    assert not (tmp_path / "student").exists()


@pytest.mark.usefixtures("with_libraries")
def test_a_student_is_not_replaced_unasked(qrm, make_student, tmp_path):
    folder = make_student()
    (tmp_path / "c").mkdir()
    config = {"model_type": "bert", "architectures": ["BertModel"]}
    (tmp_path / "c" / "config.json").write_text(json.dumps(config))
    (tmp_path / "c" / "model.safetensors").write_bytes(b"x")

    ran = qrm("models", "export", "c", "--to", folder)

    assert ran.code == 2
    assert "holds a student already" in ran.err


def test_what_was_written_is_said(make_student, capsys):
    folder = make_student()

    _report(read_student(folder).manifest, folder)

    said = capsys.readouterr().out
    assert "cross_encoder margin, bert with 2 layers of 8, stored as int8" in said
    assert "84 probes" in said
    assert "no judgments calibrated" in said

from contextlib import closing

import pytest
from typer.testing import CliRunner

from qrmiddleware.errors import ConfigError
from qrmiddleware.recipes import command_options, gathering
from qrmiddleware.students.bi_encoder import BiEncoder
from qrmiddleware.students.cross_encoder import CrossEncoder
from qrmiddleware.students.folder import read_student
from qrmiddleware.students.reasons import reasons_of
from qrmiddleware.students.settings import RuntimeSettings
from qrmiddleware.testing.students import make_student
from qrmiddleware_ellm_rele.commands import app

ONE_THREAD = RuntimeSettings(inter_threads=1, intra_threads=1)
QUICK = ("--steps", "150", "--rate", "5e-3", "--max-tokens", "32", "--scratch", "400,2,32,2")


def run(*words):
    return CliRunner().invoke(app, words)


@pytest.mark.parametrize("stage", ["gather", "student", "two-tower"])
def test_every_stage_shows_examples(stage):
    assert f"qrm ellm-rele {stage}" in run(stage, "--help").output


def test_without_the_extra_one_line_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setattr(command_options, "find_spec", {"accelerate": True}.get)

    done = run("student", str(tmp_path), "--to", "s")

    assert "pip install 'qrmiddleware-ellm-rele[train]'" in str(done.exception)


@pytest.mark.students
def test_without_labels_it_says_who_makes_some(work):
    (work / gathering.REASON_LABELS).unlink()

    done = run("student", str(work), "--to", str(work / "s"), *QUICK)

    assert isinstance(done.exception, ConfigError)
    assert "qrm ellm-rele gather" in str(done.exception)


@pytest.mark.students
@pytest.mark.timeout(300)
def test_a_student_that_learnt_verdicts_says_why_beside_its_classes(work, tmp_path):
    done = run("student", str(work), "--to", str(tmp_path / "student"), *QUICK)

    assert done.exit_code == 0, done.exception
    manifest = read_student(tmp_path / "student").manifest
    assert manifest.labels == ("exact", "substitute", "complement", "irrelevant")
    assert manifest.gains == (1.0, 0.5, 0.0, 0.0)
    assert (manifest.provenance.recipe, manifest.provenance.seen_folds) == ("ellm_rele", (0,))
    assert manifest.provenance.teacher.startswith("reasoner:")
    with closing(CrossEncoder.open(tmp_path / "student", ONE_THREAD)) as student:
        scores = student.scores("kettle", ["Acme kettle 1 l red", "Acme toaster 1 l red"])
        kettle, toaster = reasons_of(
            student, "kettle", ["Acme kettle 1 l red", "Acme toaster 1 l red"]
        )
    assert scores[0] > scores[1]
    assert manifest.aspects == ("category", "brand", "model", "attribute")
    assert manifest.parity.equal_verdicts >= 0.9
    assert kettle.shown()["aspects"]["category"] == "match"
    assert toaster.shown()["aspects"]["category"] == "mismatch"
    assert kettle.shown()["aspects"]["brand"] == "unspecified"


@pytest.mark.students
@pytest.mark.timeout(300)
def test_a_student_that_learnt_no_verdict_has_none(work, tmp_path):
    told = ("--to", str(tmp_path / "student"), *QUICK, "--steps", "60", "--reasoning", "0")

    done = run("student", str(work), *told)

    assert done.exit_code == 0, done.exception
    assert read_student(tmp_path / "student").manifest.aspects == ()


@pytest.mark.students
def test_a_bi_encoder_learns_queries_and_keeps_its_products(work, tmp_path):
    base = make_student(tmp_path / "base", "bi_encoder", seed=3)
    told = ("--base", str(base), "--to", str(tmp_path / "towers"), "--steps", "20")

    done = run("two-tower", str(work), *told)

    assert done.exit_code == 0, done.exception
    titles = ["Acme kettle 1 l red", "Acme toaster 1 l red"]
    with (
        closing(BiEncoder.open(base, ONE_THREAD)) as before,
        closing(BiEncoder.open(tmp_path / "towers", ONE_THREAD)) as after,
    ):
        assert (before.vectors(titles) == after.vectors(titles)).all()
        assert (before.scores("kettle", titles) != after.scores("kettle", titles)).any()
    assert read_student(tmp_path / "towers").manifest.provenance.recipe == "ellm_rele"

from contextlib import closing

import pytest
from typer.testing import CliRunner

from qrmiddleware.distill.labels import Label
from qrmiddleware.distill.pair_files import read_pairs
from qrmiddleware.distill.teachers.local import LocalOptions, LocalTeacher
from qrmiddleware.errors import ConfigError
from qrmiddleware.recipes import command_options, gathering
from qrmiddleware.students.cross_encoder import CrossEncoder
from qrmiddleware.students.folder import read_student
from qrmiddleware.students.settings import RuntimeSettings
from qrmiddleware_crsd.commands import app

ONE_THREAD = RuntimeSettings(inter_threads=1, intra_threads=1)
QUICK = ("--steps", "150", "--rate", "5e-3", "--max-tokens", "32", "--scratch", "400,2,32,2")


def run(*words):
    return CliRunner().invoke(app, words)


@pytest.mark.parametrize("stage", ["gather", "pretrain", "sft", "prefer", "student"])
def test_every_stage_shows_examples(stage):
    assert f"qrm crsd {stage}" in run(stage, "--help").output


def test_without_the_extra_one_line_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setattr(command_options, "find_spec", {"accelerate": True}.get)

    done = run("student", str(tmp_path), "--to", "s")

    assert "pip install 'qrmiddleware-crsd[train]'" in str(done.exception)


@pytest.mark.parametrize("stage", ["pretrain", "sft", "prefer"])
def test_stages_of_the_teacher_need_the_extra_too(stage, tmp_path, monkeypatch):
    monkeypatch.setattr(command_options, "find_spec", {"accelerate": True}.get)

    done = run(stage, str(tmp_path))

    assert "pip install 'qrmiddleware-crsd[train]'" in str(done.exception)


@pytest.mark.students
@pytest.mark.timeout(300)
def test_a_teacher_reads_the_catalogue_learns_to_reason_and_labels(work):
    """All of its three steps, then its labels, which a student can be taught with."""
    told = ("--batch", "8", "--at-once", "8")
    for words in (
        ("pretrain", "--scratch", "420,2,32,2", "--steps", "20", "--row-tokens", "64"),
        ("sft", "--prompt", "chain-short-1", "--longest-text", "40", "--steps", "150"),
        ("prefer", "--questions", "8", "--chain-tokens", "70", "--steps", "3", "--rate", "1e-5"),
    ):
        rate = () if "--rate" in words else ("--rate", "1e-2")
        done = run(words[0], str(work), *words[1:], *rate, *told)
        assert done.exit_code == 0, (words[0], done.exception)

    teacher = LocalTeacher(LocalOptions(str(work / "preferred"), device="cpu", most_tokens=80))
    said = list(teacher.label(list(read_pairs(work / gathering.PAIRS))[:20]))
    labels = [each for each in said if isinstance(each, Label)]
    assert len(labels) > len(said) / 2
    assert all(set(label.probabilities) == {"E", "S", "C", "I"} for label in labels)
    assert all(each.teacher.startswith("local:preferred:chain-short-1:") for each in labels)


@pytest.mark.students
def test_prefer_says_which_stage_comes_before(work):
    done = run("prefer", str(work))

    assert isinstance(done.exception, ConfigError)
    assert "`qrm crsd sft" in str(done.exception)


@pytest.mark.students
def test_without_labels_it_says_who_makes_some(work):
    (work / gathering.REASON_LABELS).unlink()

    done = run("student", str(work), "--to", str(work / "s"), *QUICK)

    assert isinstance(done.exception, ConfigError)
    assert "qrm crsd gather" in str(done.exception)


@pytest.mark.students
@pytest.mark.timeout(300)
def test_a_student_that_learnt_from_reasons_judges_without_them(work, tmp_path):
    done = run("student", str(work), "--to", str(tmp_path / "student"), *QUICK)

    assert done.exit_code == 0, done.exception
    manifest = read_student(tmp_path / "student").manifest
    assert manifest.labels == ("exact", "substitute", "complement", "irrelevant")
    assert manifest.gains == (1.0, 0.5, 0.0, 0.0)
    assert (manifest.provenance.recipe, manifest.provenance.seen_folds) == ("crsd", (0,))
    assert manifest.provenance.teacher.startswith("reasoner:")
    with closing(CrossEncoder.open(tmp_path / "student", ONE_THREAD)) as student:
        scores = student.scores("kettle", ["Acme kettle 1 l red", "Acme toaster 1 l red"])
    assert scores[0] > scores[1]

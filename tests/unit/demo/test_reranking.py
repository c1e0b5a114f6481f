import pytest

from qrmiddleware.demo import reranking
from qrmiddleware.demo.folds import FOLDS
from qrmiddleware.demo.reranking import (
    ENGINE_WEIGHTS,
    SYSTEMS,
    can_rerank,
    copy_students,
    no_reranking,
    seen_folds,
    shipped_student,
    usable,
)
from qrmiddleware.errors import ConfigError
from qrmiddleware.students.folder import read_student

LARGEST_BYTES = 1_200_000
REASONED = ("ellm_rele", "crsd")

every_system = pytest.mark.parametrize("system", SYSTEMS)


@every_system
def test_a_student_that_ships_is_whole_and_small(system):
    folder = read_student(shipped_student(system), expect={"cross_encoder"})

    files = [file for file in folder.path.rglob("*") if file.is_file()]
    assert sum(file.stat().st_size for file in files) < LARGEST_BYTES
    assert folder.manifest.stored == "int8"


@every_system
def test_a_student_says_where_it_comes_from_and_what_it_is_worth(system):
    manifest = read_student(shipped_student(system)).manifest

    told = manifest.provenance
    assert manifest.name == f"demo_{system}"
    base = "scratch, as the student of ellm_rele" if system == "crsd" else "scratch"
    assert (told.recipe, told.base, told.licence) == (system, base, "Apache-2.0")
    assert told.seed is not None
    assert {"catalogue", "judgments", "pairs.jsonl"} <= told.data.keys()
    assert {"judgments", "catalogue"} <= {
        each.partition(":")[0] for each in told.teacher.split(", ")
    }
    assert len(manifest.quality) == 3


@pytest.mark.parametrize("system", REASONED)
def test_a_student_that_learnt_from_reasons_names_the_reasoner_and_has_classes(system):
    manifest = read_student(shipped_student(system)).manifest

    assert "+reasoner:" in manifest.provenance.teacher
    assert manifest.labels == ("exact", "substitute", "complement", "irrelevant")


def test_the_student_that_learnt_aspect_by_aspect_can_say_why():
    manifest = read_student(shipped_student("ellm_rele")).manifest

    assert manifest.aspects == ("category", "brand", "model", "attribute")


@every_system
def test_one_fold_is_kept_from_every_student(system):
    assert seen_folds(system) == set(range(FOLDS)) - {3}


def test_every_student_has_a_weight_beside_it():
    assert ENGINE_WEIGHTS.keys() == set(SYSTEMS)


def test_copies_replace_those_before(tmp_path):
    copy_students(tmp_path, SYSTEMS)
    (tmp_path / "students" / "crsd" / "left.txt").write_text("from another version")

    copy_students(tmp_path, ["crsd"])

    assert [each.name for each in (tmp_path / "students").iterdir()] == ["crsd"]
    copied = read_student(tmp_path / "students" / "crsd")
    assert copied.manifest == read_student(shipped_student("crsd")).manifest
    assert not (copied.path / "left.txt").exists()


def test_a_damaged_student_is_no_student_to_copy(tmp_path, monkeypatch):
    copy_students(tmp_path, ["crsd"])
    (tmp_path / "students" / "crsd" / "tokenizer.json").write_text("{}")
    monkeypatch.setattr(reranking, "shipped_student", lambda system: tmp_path / "students" / system)

    with pytest.raises(ConfigError, match=r"tokenizer\.json"):
        copy_students(tmp_path / "elsewhere", ["crsd"])


@every_system
def test_everything_that_reranking_needs_is_installed_here(system):
    assert can_rerank(system)


@every_system
def test_the_chosen_student_comes_first(system):
    students = usable(system)

    assert students[0] == system
    assert sorted(students) == sorted(SYSTEMS)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("find_spec", lambda name: None if name == "ctranslate2" else name),
        ("entry_points", lambda **wanted: ()),
    ],
)
def test_without_plugins_or_library_nothing_reranks(monkeypatch, name, value):
    monkeypatch.setattr(reranking, name, value)

    assert usable("crsd") == ()


def test_only_students_whose_plugin_is_installed_rerank(monkeypatch):
    monkeypatch.setattr(reranking, "entry_points", lambda *, group, name: name == "ellm_rele")

    assert usable("ellm_rele") == ("ellm_rele",)
    assert usable("crsd") == ()
    assert "the plugin crsd or" in no_reranking("crsd")

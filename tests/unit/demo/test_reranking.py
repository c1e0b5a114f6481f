import pytest

from qrmiddleware.demo import reranking
from qrmiddleware.demo.folds import FOLDS
from qrmiddleware.demo.reranking import can_rerank, copy_student, seen_folds, shipped_student
from qrmiddleware.errors import ConfigError
from qrmiddleware.students.folder import read_student

LARGEST_BYTES = 1_500_000


def test_the_student_that_ships_is_whole_and_small():
    folder = read_student(shipped_student(), expect={"cross_encoder"})

    files = [file for file in folder.path.rglob("*") if file.is_file()]
    assert sum(file.stat().st_size for file in files) < LARGEST_BYTES
    assert folder.manifest.stored == "int8"


def test_the_student_says_where_it_comes_from_and_what_it_is_worth():
    manifest = read_student(shipped_student()).manifest

    told = manifest.provenance
    assert (told.recipe, told.base, told.licence) == ("walmart_kd", "scratch", "Apache-2.0")
    assert told.seed is not None
    assert {"catalogue", "judgments", "pairs.jsonl"} <= told.data.keys()
    assert told.teacher
    assert len(manifest.quality) == 3


def test_one_fold_is_kept_from_the_student():
    assert seen_folds() == set(range(FOLDS)) - {3}


def test_a_copy_replaces_the_one_before(tmp_path):
    copy_student(tmp_path)
    (tmp_path / "student" / "left.txt").write_text("from another version")

    copy_student(tmp_path)

    assert read_student(tmp_path / "student").manifest == read_student(shipped_student()).manifest


def test_a_damaged_student_is_no_student_to_copy(tmp_path, monkeypatch):
    copy_student(tmp_path)
    (tmp_path / "student" / "tokenizer.json").write_text("{}")
    monkeypatch.setattr(reranking, "shipped_student", lambda: tmp_path / "student")

    with pytest.raises(ConfigError, match=r"tokenizer\.json"):
        copy_student(tmp_path / "elsewhere")


def test_everything_that_reranking_needs_is_installed_here():
    assert can_rerank()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("find_spec", lambda name: None if name == "ctranslate2" else name),
        ("entry_points", lambda **wanted: ()),
    ],
)
def test_without_plugin_or_library_nothing_reranks(monkeypatch, name, value):
    monkeypatch.setattr(reranking, name, value)

    assert not can_rerank()

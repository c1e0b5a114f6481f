import pytest

from qrmiddleware.students.folder import read_student, student_hash
from qrmiddleware.testing.students import make_student


@pytest.mark.parametrize("kind", ["cross_encoder", "bi_encoder"])
def test_a_student_that_was_made_is_one(tmp_path, kind):
    folder = make_student(tmp_path / "a" / "student", kind, fields=("title", "brand"))

    manifest = read_student(folder, expect=[kind]).manifest

    assert manifest.inputs.fields == ("title", "brand")
    assert manifest.architecture.layers == 2


def test_classes_have_the_gains_that_were_asked_for(tmp_path):
    manifest = read_student(make_student(tmp_path, gains=(1.0, 0.5, 0.0))).manifest

    assert manifest.gains == (1.0, 0.5, 0.0)
    assert len(manifest.labels) == 3
    assert manifest.calibration is None


def test_equal_arguments_make_equal_students_and_another_seed_another(tmp_path):
    first, again, other = (
        student_hash(read_student(make_student(tmp_path / name, seed=seed)))
        for name, seed in (("a", 0), ("b", 0), ("c", 1))
    )

    assert first == again
    assert first != other


def test_a_generator_is_not_made(tmp_path):
    with pytest.raises(ValueError, match="cross_encoder or bi_encoder"):
        make_student(tmp_path, "generator")

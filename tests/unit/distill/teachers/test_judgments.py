import pytest

from qrmiddleware.distill.classes import ESCI
from qrmiddleware.distill.labels import Label, Pair, Unlabelled
from qrmiddleware.distill.teachers.judgments import JudgmentTeacher
from qrmiddleware.errors import ConfigError

GRADES = {"0": 0.0, "1": 1 / 3, "2": 2 / 3, "3": 1.0}
PAIRS = [Pair("laptop", str(number), "text") for number in range(3)]


def test_judged_pairs_get_their_grades_target_and_others_a_reason():
    teacher = JudgmentTeacher({("laptop", "0"): "3", ("laptop", "1"): "1"}, GRADES)

    first, second, third = teacher.label(PAIRS)

    assert isinstance(first, Label)
    assert isinstance(second, Label)
    assert (first.target, first.grade, second.target) == (1.0, "3", pytest.approx(1 / 3))
    assert first.teacher == teacher.name
    assert third == Unlabelled(PAIRS[2], "not judged", "nobody has judged this pair")


def test_classes_are_grades_too():
    (label,) = JudgmentTeacher({("laptop", "0"): "S"}, ESCI.gains).label(PAIRS[:1])

    assert isinstance(label, Label)
    assert label.target == 0.5


def test_other_targets_or_judgments_are_another_teacher():
    names = {
        JudgmentTeacher({("laptop", "0"): "3"}, GRADES).name,
        JudgmentTeacher({("laptop", "0"): "2"}, GRADES).name,
        JudgmentTeacher({("laptop", "0"): "3"}, {"3": 0.9}).name,
        JudgmentTeacher({("laptop", "0"): "3"}, GRADES, source="shop").name,
    }

    assert len(names) == 4


def test_a_grade_without_a_target_is_an_error():
    with pytest.raises(
        ConfigError, match="grade '4' has no target; there are targets of 0, 1, 2, 3"
    ):
        JudgmentTeacher({("laptop", "0"): "4"}, GRADES)


def test_a_target_is_between_0_and_1():
    with pytest.raises(ConfigError, match="between 0 and 1, not 3"):
        JudgmentTeacher({}, {"3": 3.0})

import pytest

from qrmiddleware.errors import ConfigError
from qrmiddleware.evaluation.collection import JudgedQueries, JudgedQuery
from qrmiddleware.evaluation.judged_classes import classes_of, read_grades

QUERIES = (JudgedQuery("q1", "shoe"), JudgedQuery("q2", "hat"))
QRELS = {"q1": {"a": 3, "b": 0}, "q3": {"a": 9}}


def test_grades_are_read_best_first():
    assert list(read_grades("2=fits, 1=close,0=no").items()) == [
        (2, "fits"),
        (1, "close"),
        (0, "no"),
    ]


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ("E=3", "write GRADE=CLASS"),
        ("3", "every grade has one class"),
        ("3=E,3=S", "every grade has one class"),
        ("3=E", "two classes"),
        ("", "two classes"),
        ("1=E,0=E", "two classes"),
    ],
)
def test_what_names_no_classes_is_an_error(told, said):
    with pytest.raises(ConfigError, match=said):
        read_grades(told)


def test_only_queries_that_are_measured_and_judged_have_classes():
    assert classes_of(JudgedQueries(QUERIES, QRELS)) == {"q1": {"a": "E", "b": "I"}}


def test_a_grade_without_a_class_is_an_error():
    with pytest.raises(ConfigError, match="query q1: grade 0 has no class"):
        classes_of(JudgedQueries(QUERIES, QRELS), {3: "E", 2: "S"})


def test_another_scale_needs_its_classes():
    judged = JudgedQueries(QUERIES, {"q1": {"a": 1}}, gains={0: 0.0, 1: 1.0})

    with pytest.raises(ConfigError, match="the grades are 0, 1: say with --grades"):
        classes_of(judged)
    assert classes_of(judged, {1: "yes", 0: "no"}) == {"q1": {"a": "yes"}}

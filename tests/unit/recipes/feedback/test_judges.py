import pytest

from qrmiddleware.errors import ConfigError
from qrmiddleware.evaluation.collection import JudgedQueries, JudgedQuery
from qrmiddleware.recipes.feedback.judges import JudgingStudent, JudgmentsOf
from qrmiddleware.students.opening import open_student
from qrmiddleware.testing.students import make_student

TEXTS = {"d1": "red shoe", "d2": "", "d3": "green hat"}


def test_judgments_are_found_by_the_text_of_a_query_however_it_is_spelt(judge):
    assert judge.knows(" SNEAKERS ")
    assert judge.relevant("Sneakers", {"d1": "", "d3": "", "d5": ""}) == {"d1"}
    assert not judge.knows("boots")
    assert judge.relevant("boots", {"d1": ""}) == set()


def test_judgments_of_two_spellings_are_one():
    queries = (JudgedQuery("a", "Shoe"), JudgedQuery("b", "shoe"), JudgedQuery("c", "hat"))
    judge = JudgmentsOf(JudgedQueries(queries, {"a": {"d1": 1}, "b": {"d2": 2}}), "x")

    assert judge.relevant("shoe", dict.fromkeys(("d1", "d2", "d3"), "")) == {"d1", "d2"}
    assert not judge.knows("hat")


def test_the_name_of_judgments_changes_with_them(judge):
    queries = (JudgedQuery("q1", "sneakers"), JudgedQuery("q2", "shoe"))
    other = JudgmentsOf(JudgedQueries(queries, {"q1": {"d1": 1}}), "people")

    assert judge.name.startswith("judgments:people:")
    assert other.name != judge.name


@pytest.mark.parametrize("kind", ["cross_encoder", "bi_encoder"])
def test_a_student_calls_relevant_what_scores_high_enough(tmp_path, kind):
    folder = make_student(tmp_path / "student", kind)
    student = open_student(folder)
    one, two = student.scores("shoe", ["red shoe", "green hat"]).tolist()
    student.close()
    higher, between = ("d1" if one > two else "d3"), (one + two) / 2

    judge = JudgingStudent.open(folder, min_score=between)
    try:
        assert judge.text_fields == ("title",)
        assert judge.relevant("shoe", TEXTS) == {higher}
        assert judge.relevant("shoe", {"d2": ""}) == set()
        assert judge.knows("shoe")
        assert not judge.knows(" ")
    finally:
        judge.close()


def test_the_name_of_a_student_tells_what_its_answers_depend_on(tmp_path):
    names = set()
    for seed, score, fields in ((0, 0.5, ()), (1, 0.5, ()), (0, 0.6, ()), (0, 0.5, ("name",))):
        folder = make_student(tmp_path / f"{seed}{score}{fields}", seed=seed)
        judge = JudgingStudent.open(folder, min_score=score, text_fields=fields)
        names.add(judge.name)
        judge.close()

    assert len(names) == 4


def test_a_folder_without_a_student_is_refused(tmp_path):
    with pytest.raises(ConfigError):
        JudgingStudent.open(tmp_path, min_score=0.5)

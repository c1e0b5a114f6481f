import numpy as np
import pytest

from qrmiddleware.students.cross_encoder import CrossEncoder
from qrmiddleware.students.reasons import Reasons, likeliest, reasons_of
from qrmiddleware.students.settings import RuntimeSettings
from qrmiddleware.testing.students import make_student

PLAIN = RuntimeSettings(device="cpu", compute_type="float32", inter_threads=1, intra_threads=1)
TEXTS = ["red shoe", "phone case"]


@pytest.fixture
def opened(tmp_path):
    students = []

    def open_one(**options):
        students.append(CrossEncoder.open(make_student(tmp_path / "s", **options), PLAIN))
        return students[-1]

    yield open_one
    for student in students:
        student.close()


def test_reasons_say_what_the_student_says(opened):
    student = opened(gains=(1.0, 0.3, 0.0), aspects=("brand", "size"))

    found = reasons_of(student, "shoe", TEXTS)

    assert [each.score for each in found] == student.scores("shoe", TEXTS).tolist()
    classes = [list(each.classes.values()) for each in found]
    np.testing.assert_allclose(classes, student.probabilities("shoe", TEXTS))
    assert found[0].classes.keys() == {"class0", "class1", "class2"}
    verdicts = [[list(shares.values()) for shares in each.aspects.values()] for each in found]
    np.testing.assert_allclose(verdicts, student.verdicts("shoe", TEXTS), atol=1e-6)
    assert list(found[0].aspects) == ["brand", "size"]
    assert list(found[0].aspects["size"]) == ["match", "mismatch", "unspecified"]


def test_a_student_with_one_logit_and_no_aspects_has_a_score(opened):
    student = opened()

    found = reasons_of(student, "shoe", TEXTS)

    scores = student.scores("shoe", TEXTS).tolist()
    assert found == [Reasons(score, {}, {}) for score in scores]
    assert found[0].shown() == {"score": round(scores[0], 4)}


def test_what_is_shown_names_the_likeliest():
    reasons = Reasons(
        0.123456, {"exact": 0.25, "none": 0.75}, {"brand": {"match": 0.1, "mismatch": 0.9}}
    )

    assert reasons.shown() == {
        "score": 0.1235,
        "class": "none",
        "classes": {"exact": 0.25, "none": 0.75},
        "aspects": {"brand": "mismatch"},
    }


def test_of_equal_shares_the_first_is_named():
    assert likeliest({"a": 0.2, "b": 0.4, "c": 0.4}) == "b"

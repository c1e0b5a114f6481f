import numpy as np
import pytest

from qrmiddleware.distill.labels import LabellingError, Pair
from qrmiddleware.distill.teachers.student import StudentTeacher
from qrmiddleware.students.manifest import Architecture, Calibration, Manifest

ARCHITECTURE = Architecture(
    family="bert", layers=1, hidden=8, vocabulary=10, parameters=100, pooling="first"
)
PAIRS = [Pair("a", "1", "xx"), Pair("b", "2", "x"), Pair("a", "3", "xxx")]


class Student:
    """Its logits are the lengths of texts."""

    def __init__(self, **told):
        self.manifest = Manifest(
            kind="cross_encoder", name="tiny", architecture=ARCHITECTURE, files={}, **told
        )
        self.asked = []

    def logits(self, query, texts):
        self.asked.append((query, len(texts)))
        return np.array([[len(text)] for text in texts], np.float32)

    def probabilities(self, query, texts):
        return np.array([[0.25, 0.75]] * len(texts), np.float32)


def test_a_single_logit_is_kept_and_calibrated_to_a_target():
    student = Student(calibration=Calibration(slope=2.0, intercept=-4.0))

    labels = {label.doc_id: label for label in StudentTeacher(student, "f").label(PAIRS)}

    assert labels["1"].logit == 2.0
    assert labels["1"].target == 0.5
    assert labels["3"].target > labels["1"].target > labels["2"].target
    assert student.asked == [("a", 2), ("b", 1)]


def test_classes_are_kept_and_weighed_by_the_manifests_gains():
    student = Student(labels=("no", "yes"), gains=(0.0, 0.8))

    label, *_ = StudentTeacher(student, "f").label(PAIRS)

    assert label.probabilities == {"no": 0.25, "yes": 0.75}
    assert (label.grade, label.target) == ("yes", pytest.approx(0.6))


def test_another_folder_is_another_teacher():
    assert StudentTeacher(Student(), "f").name != StudentTeacher(Student(), "g").name


def test_what_is_no_number_ends_it():
    class Broken(Student):
        def logits(self, query, texts):
            raise ValueError("the head gave nan")

    with pytest.raises(LabellingError, match="student tiny, query 'a': the head gave nan"):
        list(StudentTeacher(Broken(), "f").label(PAIRS))


def test_a_bi_encoders_cosine_is_its_logit():
    class Vectors(Student):
        def __init__(self):
            self.manifest = Manifest(
                kind="bi_encoder", name="tiny", architecture=ARCHITECTURE, files={}
            )

        def scores(self, query, texts):
            return np.array([len(text) / 2 - 1 for text in texts], np.float32)

    labels = {label.doc_id: label for label in StudentTeacher(Vectors(), "f").label(PAIRS)}

    assert (labels["3"].logit, labels["3"].target) == (0.5, 0.5)
    assert (labels["2"].logit, labels["2"].target) == (-0.5, 0.0)

import pytest

from qrmiddleware.errors import ConfigError
from qrmiddleware.students.bi_encoder import BiEncoder
from qrmiddleware.students.cross_encoder import CrossEncoder
from qrmiddleware.students.opening import open_student
from qrmiddleware.students.settings import RuntimeSettings

PLAIN = RuntimeSettings(device="cpu", inter_threads=1, intra_threads=1)


@pytest.mark.parametrize(
    ("kind", "opened"), [("cross_encoder", CrossEncoder), ("bi_encoder", BiEncoder)]
)
def test_opens_what_the_folder_holds(make_student, kind, opened):
    student = open_student(make_student(kind), PLAIN)

    assert isinstance(student, opened)
    assert student.scores("red", ["shoe"]).shape == (1,)
    student.close()


def test_a_folder_without_a_student_is_a_clear_error(tmp_path):
    with pytest.raises(ConfigError, match="it holds nothing"):
        open_student(tmp_path)


def test_a_generator_scores_nothing(make_student):
    with pytest.raises(ConfigError, match="holds the generator 'tiny', where a bi_encoder or"):
        open_student(make_student("generator"))

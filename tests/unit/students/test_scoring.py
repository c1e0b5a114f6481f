from contextlib import ExitStack

import pytest

from qrmiddleware.errors import ConfigError
from qrmiddleware.students.opened import always
from qrmiddleware.students.opening import open_student
from qrmiddleware.students.scoring import open_scoring
from qrmiddleware.students.scoring_options import ScoringOptions
from qrmiddleware.students.settings import RuntimeSettings
from qrmiddleware.testing import make_hits
from qrmiddleware.testing.students import make_student

PLAIN = RuntimeSettings(device="cpu", compute_type="float32", inter_threads=1, intra_threads=1)
TITLES = ("red shoe", "blue shoe", "phone case", "laptop")
HITS = make_hits(*TITLES)


@pytest.fixture(scope="module")
def students(tmp_path_factory):
    folder = tmp_path_factory.mktemp("students")
    return {
        "cross": make_student(folder / "cross"),
        "classes": make_student(folder / "classes", gains=(1.0, 0.0)),
        "branded": make_student(folder / "branded", fields=("title", "brand")),
        "bi": make_student(folder / "bi", "bi_encoder", seed=3),
    }


@pytest.fixture
def scoring(students):
    with ExitStack() as loans:

        def start(model, **options):
            named = {"model": students[model], "runtime": PLAIN, **options}
            return open_scoring(ScoringOptions(**named), loans)

        yield start


@pytest.mark.parametrize("kind", ["cross", "classes", "bi"])
def test_opinions_are_the_students_scores_in_the_order_of_hits(students, scoring, kind):
    opinions = scoring(kind).judge("red shoe", HITS, wanted=always)

    alone = open_student(students[kind], PLAIN)
    expected = alone.scores("red shoe", TITLES).tolist()
    alone.close()
    assert [each.score for each in opinions] == pytest.approx(expected, abs=1e-6)
    assert all(each.firm for each in opinions)


def test_behind_a_first_student_only_what_the_model_saw_is_firm(students, scoring):
    cascade = scoring("cross", first=students["bi"], keep=2)

    opinions = cascade.judge("red shoe", HITS, wanted=always)

    firm = [each.score for each in opinions if each.firm]
    assert len(firm) == 2
    assert min(firm) > max(each.score for each in opinions if not each.firm)
    assert set(cascade.status()) == {"model", "first"}


def test_hits_without_text_get_no_opinion_and_a_window_of_them_a_warning(scoring):
    judges = scoring("cross")
    bare = make_hits("x", field="name")

    assert judges.judge("red", (*bare, HITS[0]), wanted=always)[0] is None
    with pytest.warns(
        UserWarning, match=r"random-cross_encoder: no hit of a search has a text in title"
    ):
        assert judges.judge("red", bare, wanted=always) == [None]
    assert judges.judge("red", (), wanted=always) == []


def test_students_that_cannot_do_what_is_set_are_refused(students, scoring):
    with pytest.raises(ConfigError, match=r"bi holds the bi_encoder .* a cross_encoder is needed"):
        scoring("bi", first=students["bi"])
    with pytest.raises(ConfigError, match=r"read title, the one in .* title, brand: say with"):
        scoring("cross", first=students["branded"])
    with pytest.raises(ConfigError, match="no student here is a bi_encoder"):
        scoring("cross", vector_field="vector")

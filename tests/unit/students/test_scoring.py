from contextlib import ExitStack

import pytest

from qrmiddleware.errors import ConfigError
from qrmiddleware.model import Hit
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
        "explaining": make_student(
            folder / "explaining", gains=(1.0, 0.0), aspects=("brand", "size")
        ),
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


def test_hits_are_explained_in_their_order_and_those_without_text_are_not(scoring):
    hits = (*HITS, Hit("bare", 0.0))
    found = scoring("explaining")

    explained = found.explain("red shoe", hits, wanted=always)

    opinions = found.judge("red shoe", hits, wanted=always)
    assert explained[-1] is None
    assert [each["score"] for each in explained[:-1]] == [
        round(opinion.score, 4) for opinion in opinions[:-1]
    ]
    assert all(each["aspects"].keys() == {"brand", "size"} for each in explained[:-1])
    assert found.model.counters.explained == len(HITS)


def test_of_a_cascade_only_what_its_second_student_saw_is_explained(scoring, students):
    found = scoring("explaining", first=students["bi"], keep=2)

    explained = found.explain("red shoe", HITS, wanted=always)

    assert sum("aspects" in each for each in explained) == 2
    assert sum(each.get("seen_by") == "first" for each in explained) == 2
    assert found.model.counters.explained == 2


def test_a_bi_encoder_explains_with_its_score(scoring):
    found = scoring("bi")

    explained = found.explain("red shoe", HITS, wanted=always)

    opinions = found.judge("red shoe", HITS, wanted=always)
    assert explained == [{"score": round(opinion.score, 4)} for opinion in opinions]

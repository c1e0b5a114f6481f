import numpy as np
import pytest

from qrmiddleware.errors import UpstreamError
from qrmiddleware.evaluation.templates import fields_template
from qrmiddleware_rl_qr.recipes.searching import (
    Engine,
    Hit,
    JudgedRelevance,
    StudentRelevance,
    engine_search,
)


def open_engine(url, **told):
    return engine_search(Engine(url, "shop", fields_template(["title"]), **told))


def test_an_engine_is_asked_and_titles_come_along(engine, shop):
    with open_engine(engine, depth=2) as search:
        sofa, nothing = search(["red sofa", "qwerty"])

    assert sofa == [Hit("red-sofa-0", "red sofa small"), Hit("red-sofa-1", "red sofa large")]
    assert nothing == []
    assert sorted(shop.searches) == ["qwerty", "red sofa"]


def test_a_search_that_is_refused_fails_alone(engine):
    with open_engine(engine) as search:
        broken, sofa = search(["broken", "red sofa"])

    assert broken is None
    assert len(sofa) == 3


def test_an_engine_that_answers_nothing_is_named():
    with open_engine("http://127.0.0.1:9") as search, pytest.raises(UpstreamError):
        search(["red sofa"])


def test_judgments_know_their_queries_and_no_others():
    relevance = JudgedRelevance({"red sofa": {"a"}})

    assert relevance.scores("Red  Sofa!", [Hit("a"), Hit("b")]) == [1.0, 0.0]
    assert relevance.scores("lamp", [Hit("a")]) is None


def test_a_student_reads_titles():
    class Student:
        def scores(self, query, texts):
            return np.array([float(query in text) for text in texts])

    relevance = StudentRelevance(Student())

    assert relevance.scores("sofa", [Hit("a", "red sofa"), Hit("b", "lamp")]) == [1.0, 0.0]
    assert relevance.scores("sofa", []) == ()


def test_what_points_away_from_a_query_is_as_irrelevant_as_can_be():
    class Towers:
        def scores(self, query, texts):
            return np.array([0.8, -0.3])

    found = StudentRelevance(Towers()).scores("sofa", [Hit("a", "red sofa"), Hit("b", "lamp")])

    assert found == [0.8, 0.0]

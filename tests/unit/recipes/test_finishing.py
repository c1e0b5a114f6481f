from dataclasses import replace

import pytest

from qrmiddleware.distill.exporting.probes import LEAST
from qrmiddleware.distill.lists import Candidate, QueryList
from qrmiddleware.recipes.finishing import calibrate, probes_of
from qrmiddleware.recipes.fitting import Fitting

TEXTS = {str(number): f"text {number}" for number in range(40)}


def lists(*, queries, products):
    candidates = tuple(Candidate(str(number), 0.5) for number in range(products))
    return [QueryList(f"query {number}", candidates) for number in range(queries)]


def test_every_query_is_probed_before_any_is_probed_twice():
    found = probes_of(lists(queries=60, products=3), TEXTS, count=100)

    assert [query for query, _ in found[:60]] == [f"query {number}" for number in range(60)]
    assert {text for _, text in found[60:]} == {"text 1"}


def test_queries_with_few_products_do_not_keep_others_from_being_probed():
    (short,), (long,) = lists(queries=1, products=1), lists(queries=1, products=40)

    found = probes_of([replace(short, query="short"), long], TEXTS)

    assert found[0] == ("short", "text 0")
    assert found[1:41] == [("query 0", text) for text in TEXTS.values()]


def test_a_training_with_few_pairs_is_probed_with_the_exporters_own_too():
    found = probes_of(lists(queries=2, products=3), TEXTS)

    assert len(found) == LEAST
    assert found[5] == ("query 1", "text 2")


def test_a_pair_is_probed_once():
    found = probes_of([*lists(queries=1, products=2)] * 2, TEXTS)

    assert len(set(found)) == len(found)


@pytest.mark.students
def test_where_nothing_is_judged_there_is_no_calibration():
    modelling = pytest.importorskip("qrmiddleware.distill.modelling")
    pytest.importorskip("torch")
    encoder = modelling.tiny_encoder(["red shoe"] * 3, vocabulary=40, layers=1, hidden=8, heads=2)

    assert calibrate(encoder, [], TEXTS, fitting=Fitting(2, 1e-3)) is None

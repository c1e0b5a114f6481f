"""The script that trains the students which ship with the demo."""

import sys
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import pytest

from qrmiddleware.demo.reranking import SYSTEMS
from qrmiddleware.demo.stock import make_stock
from qrmiddleware.distill.classes import ESCI
from qrmiddleware.distill.label_store import LabelStore, read_labels
from qrmiddleware.distill.labels import Pair, expected_gain, label_for
from qrmiddleware.students.folder import read_student

SCRIPTS = Path(__file__).parents[2] / "studies" / "demo_students"


@pytest.fixture(scope="module")
def scripts():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(SCRIPTS))
        names = ("train_demo_students", "shop_labels", "weighing")
        yield [import_module(name) for name in names]
        for name in names:
            del sys.modules[name]


@pytest.fixture(scope="module")
def training(scripts):
    return scripts[0]


@pytest.fixture(scope="module")
def shop_labels(scripts):
    return scripts[1]


@pytest.fixture(scope="module")
def weighing(scripts):
    return scripts[2]


@pytest.fixture(scope="module")
def stock():
    return make_stock()


def test_queries_are_composed_of_a_type_and_what_its_products_are(training, stock):
    queries = training.compose_queries(stock, 50)

    nouns = [kind.noun.lower() for kind in stock.vocabulary.types.values()]
    assert queries == training.compose_queries(stock, 50)
    assert all(any(query.endswith(f" {noun}") for noun in nouns) for query in queries)


def write(work, name, teacher, *labels):
    with LabelStore(work / f"{name}.labels.jsonl") as store:
        for query, target, more in labels:
            store.add(replace(label_for(Pair(query, "1", "a text"), teacher, target), **more))


def reasoned(conclusion):
    reason = (
        f"category: match\nbrand: match\nmodel: match\nattribute: match\nconclusion: {conclusion}"
    )
    return {"grade": conclusion, "reason": reason}


@pytest.fixture
def work(tmp_path):
    judged = {"sofa": 1.0, "sofa bed": 2 / 3, "sofa cover": 1 / 3, "lamp": 1.0}
    write(tmp_path, "judgments", "judgments:shop:1", *((q, t, {}) for q, t in judged.items()))
    write(tmp_path, "catalogue", "catalogue:1:1", ("sofa", 0.0, {}), ("red sofa", 0.5, {}))
    write(
        tmp_path,
        "reasons",
        "reasoner:1:1",
        ("sofa", 0.95, reasoned("E")),
        ("sofa bed", 0.5, reasoned("S")),
        ("sofa cover", 0.0, reasoned("C")),
        ("lamp", 0.0, reasoned("I")),
    )
    return tmp_path


def test_the_catalogue_is_not_asked_about_what_people_judged(shop_labels, work):
    written = {
        label.query: round(label.target, 2)
        for label in read_labels(shop_labels.write_targets(work))
    }

    assert written == {
        "red sofa": 0.5,
        "sofa": 0.98,
        "sofa bed": 0.66,
        "sofa cover": 0.34,
        "lamp": 0.98,
    }


def test_classes_are_the_truths_and_a_reason_that_contradicts_it_is_left_out(shop_labels, work):
    written = {label.query: label for label in read_labels(shop_labels.write_classes(work))}

    assert {query: (label.grade, bool(label.reason)) for query, label in written.items()} == {
        "red sofa": ("S", False),
        "sofa": ("E", True),
        "sofa bed": ("S", True),
        "sofa cover": ("C", True),
        "lamp": ("E", False),
    }
    assert written["lamp"].teacher == "judgments:shop:1+reasoner:1:1"


@pytest.mark.parametrize("concluded", ["", "E", "S", "I"])
def test_classes_are_worth_what_the_truth_says(shop_labels, concluded):
    targets = [0.0, 0.2, 1 / 3, 0.5, 2 / 3, 1.0]

    found = [expected_gain(shop_labels.classes_of(t, concluded), ESCI.gains) for t in targets]

    assert found == pytest.approx(targets, abs=0.06)


def test_an_accessory_is_worth_less_than_a_substitute_and_more_than_nothing(shop_labels):
    accessory, substitute, nothing = (
        expected_gain(shop_labels.classes_of(*told), ESCI.gains)
        for told in ((1 / 3, "C"), (1 / 3, "S"), (0.0, "I"))
    )

    assert nothing < accessory < substitute


def ranked(stock, trained_on, held_out, **by_kind):
    return {
        query.query_id: held_out if query.fold == 3 else by_kind.get(query.kind, trained_on)
        for query in stock.queries
    }


def test_the_weight_is_chosen_without_a_look_at_the_fold_that_is_held_out(weighing, stock):
    found = {f"weight_{weight}": ranked(stock, 0.3, 0.9) for weight in weighing.WEIGHTS}
    found |= {"_none": ranked(stock, 0.1, 0.2), "unranked": ranked(stock, 0.4, 0.5)}
    found |= {f"weight_{weight}": ranked(stock, 0.6, 0.0) for weight in (2.0, 4.0)}

    weight, quality = weighing.report(stock, found)

    assert weight == 2.0
    assert list(quality.values()) == [0.2, 0.5, 0.0]


def test_a_weight_that_harms_one_sort_of_search_is_not_chosen_for_the_rest(weighing, stock):
    found = {f"weight_{w}": ranked(stock, 0.9, 0.5, tail=0.3) for w in weighing.WEIGHTS}
    found |= {"unranked": ranked(stock, 0.4, 0.5), "weight_4.0": ranked(stock, 0.5, 0.5)}

    assert weighing.choose_weight(stock, found) == 4.0


@pytest.mark.slow
@pytest.mark.students
@pytest.mark.timeout(600)
def test_the_script_runs_from_the_shop_to_students_in_a_small_form(training, tmp_path, capfd):
    training.main([str(tmp_path), "--small"])

    told = capfd.readouterr().out
    for system in SYSTEMS:
        manifest = read_student(tmp_path / system).manifest
        assert manifest.provenance.recipe == system
        assert manifest.provenance.seen_folds == (0, 1, 2)
        assert manifest.provenance.licence == "Apache-2.0"
        assert len(manifest.quality) == 3
        assert f"{system}: engine_weight" in told

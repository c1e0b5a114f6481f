"""The script that trains the student which ships with the demo."""

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

from qrmiddleware.demo.stock import make_stock
from qrmiddleware.distill.label_store import LabelStore, read_labels
from qrmiddleware.distill.labels import Pair, label_for
from qrmiddleware.students.folder import read_student

SCRIPT = Path(__file__).parent.parent / "demo" / "train_student.py"


@pytest.fixture(scope="module")
def script():
    spec = spec_from_file_location("train_student", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules["train_student"] = module  # dataclasses look there
    spec.loader.exec_module(module)
    yield module
    del sys.modules["train_student"]


@pytest.fixture(scope="module")
def stock():
    return make_stock()


def test_queries_are_composed_of_a_type_and_what_its_products_are(script, stock):
    queries = script.compose_queries(stock, 50)

    nouns = [kind.noun.lower() for kind in stock.vocabulary.types.values()]
    assert queries == script.compose_queries(stock, 50)
    assert all(any(query.endswith(f" {noun}") for noun in nouns) for query in queries)


def test_the_catalogue_is_not_asked_about_what_people_judged(script, tmp_path):
    def write(name, teacher, *told):
        with LabelStore(tmp_path / f"{name}.labels.jsonl") as store:
            for query, target in told:
                store.add(label_for(Pair(query, "1", "a text"), teacher, target))

    write("judgments", "judgments:shop:1", ("sofa", 1.0))
    write("catalogue", "catalogue:1:1", ("sofa", 0.0), ("red sofa", 0.5))

    merged = read_labels(script.merge_labels(tmp_path))

    assert {(label.query, round(label.target, 2)) for label in merged} == {
        ("sofa", 0.98),
        ("red sofa", 0.5),
    }


def ranked(stock, trained_on, held_out, **by_kind):
    return {
        query.query_id: held_out if query.fold == 3 else by_kind.get(query.kind, trained_on)
        for query in stock.queries
    }


def test_the_weight_is_chosen_without_a_look_at_the_fold_that_is_held_out(script, stock):
    found = {f"weight_{weight}": ranked(stock, 0.3, 0.9) for weight in script.WEIGHTS}
    found |= {"_none": ranked(stock, 0.1, 0.2), "unranked": ranked(stock, 0.4, 0.5)}
    found |= {f"weight_{weight}": ranked(stock, 0.6, 0.0) for weight in (2.0, 4.0)}

    weight, quality = script.report(stock, found)

    assert weight == 2.0
    assert list(quality.values()) == [0.2, 0.5, 0.0]


def test_a_weight_that_harms_one_sort_of_search_is_not_chosen_for_the_rest(script, stock):
    found = {f"weight_{w}": ranked(stock, 0.9, 0.5, tail=0.3) for w in script.WEIGHTS}
    found |= {"unranked": ranked(stock, 0.4, 0.5), "weight_4.0": ranked(stock, 0.5, 0.5)}

    assert script.choose_weight(stock, found) == 4.0


@pytest.mark.slow
@pytest.mark.students
@pytest.mark.timeout(600)
def test_the_script_runs_from_the_shop_to_a_student_in_a_small_form(script, tmp_path, capfd):
    script.main([str(tmp_path), "--small"])

    manifest = read_student(tmp_path / "student").manifest
    assert manifest.provenance.seen_folds == (0, 1, 2)
    assert manifest.provenance.licence == "Apache-2.0"
    assert len(manifest.quality) == 3
    assert "engine_weight" in capfd.readouterr().out

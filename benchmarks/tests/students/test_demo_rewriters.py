"""The script that trains the generators which ship with the demo."""

import sys
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import get_args

import pytest

from qrmiddleware.demo.indexing import PLAIN
from qrmiddleware.demo.rewriting import TAUGHT, Rewriter
from qrmiddleware.demo.stock import make_stock
from qrmiddleware.distill.rewriting.row_files import read_rows, write_rows
from qrmiddleware.distill.rewriting.rows import RewritePair
from qrmiddleware.distill.splits import stemmed_query
from qrmiddleware.errors import ConfigError
from qrmiddleware.evaluation.formats.registry import load_judged
from qrmiddleware.students.folder import read_student

SCRIPTS = Path(__file__).parents[2] / "studies" / "demo_students"
NAMES = (
    "weighing",
    "shop_labels",
    "train_demo_students",
    "shop_wordings",
    "generator_weighing",
    "train_demo_rewriters",
)


@pytest.fixture(scope="module")
def scripts():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(SCRIPTS))
        yield SimpleNamespace(**{name: import_module(name) for name in NAMES})
        for name in NAMES:
            del sys.modules[name]


@pytest.fixture(scope="module")
def stock():
    return make_stock()


@pytest.fixture(scope="module")
def told(scripts, stock):
    return scripts.shop_wordings.shop_wordings(stock, composed=5, seed=0)


def test_what_answered_a_shopper_best_says_what_the_catalogue_calls_it(told):
    rewrites = {pair.query: pair.rewrite for pair in told.pairs}

    assert rewrites["couch"] == "sofas"
    assert rewrites["black leather couch"] == "black leather sofas"
    assert rewrites["usb-c flash drive 128 gb"] == "usb-c usb sticks 128 gb"
    assert rewrites["laundry machine"] == "washing machines"
    assert rewrites["vacume cleaner"] == "vacuum cleaners"
    assert "sofa" not in rewrites


def test_nothing_of_the_fold_that_is_held_out_is_told(told, stock):
    held_out = [query for query in stock.queries if query.fold == 3]
    texts = {stemmed_query(query.text) for query in held_out}

    said = [text for pair in told.pairs for text in (pair.query, pair.rewrite)]
    assert not texts & {stemmed_query(text) for text in said}
    assert not texts & {stemmed_query(query.text) for query in told.judged.queries}
    words = {query.text for query in held_out if query.kind in {"gap", "misspelling"}}
    assert "pullover" in words
    assert not any(f" {word} " in f" {pair.query} " for word in words for pair in told.pairs)


def test_what_is_composed_is_judged_by_what_products_are(scripts, told, stock, tmp_path):
    judged = load_judged(scripts.shop_wordings.write_judged(told.judged, tmp_path / "judged"))

    products = {product.product_id: product.document() for product in stock.products}
    query = next(q for q in told.judged.queries if q.text.endswith(" couch") and q.text[0] != "b")
    value = query.text.removesuffix(" couch")
    best = [doc_id for doc_id, grade in judged.qrels[query.query_id].items() if grade == 3]
    assert best
    for doc_id in best:
        text = " ".join((products[doc_id]["brand"], *products[doc_id]["details"]))
        assert value in text.lower()
        assert products[doc_id]["category"] == "Sofas"


@pytest.mark.parametrize("pair", [("sweaters", "jumper"), ("woolly", "Jumper")])
def test_a_search_that_is_held_out_is_refused_on_either_side(scripts, stock, tmp_path, pair):
    query, rewrite = pair
    write_rows(tmp_path / "pairs.jsonl", [RewritePair(query=query, rewrite=rewrite)])

    with pytest.raises(ConfigError, match="held-out fold"):
        scripts.shop_wordings.refuse_held_out(stock, [tmp_path / "pairs.jsonl"])


def test_what_nothing_is_kept_of_stays_as_it_is_unless_it_was_misspelt(scripts, told, tmp_path):
    made, kept, file = (tmp_path / f"{name}.jsonl" for name in ("made", "kept", "unchanged"))
    slip = RewritePair(query="red sffa", rewrite="red sofa", source="catalogue:spelling")
    form = RewritePair(query="red sofa", rewrite="red sofas", source="catalogue:form")
    write_rows(made, [slip, form])
    write_rows(kept, [RewritePair(query="couch", rewrite="sofas")])

    scripts.shop_wordings.write_unchanged(told.judged, made, [kept], file)

    pairs = list(read_rows(file, RewritePair))
    assert all(pair.query == pair.rewrite for pair in pairs)
    queries = {pair.query for pair in pairs}
    assert "red sofa" in queries
    assert not queries & {"red sffa", "couch"}


def found_by(weighing, stock, worth):
    """Say what every pipeline finds, by a function of its name and a search."""
    names = [PLAIN, TAUGHT]
    names += [
        weighing.pipeline_name(a, way) for a in weighing.ASKING for way in ("all", "generated")
    ]
    return {
        name: {q.query_id: weighing.Worth(worth(name, q), repaired=False) for q in stock.queries}
        for name in names
    }


def test_the_way_to_ask_is_chosen_without_a_look_at_the_fold_that_is_held_out(scripts, stock):
    weighing = scripts.generator_weighing
    best, flattered = weighing.ASKING[3], weighing.ASKING[5]

    def worth(name, query):
        if query.fold == 3:
            return 1.0 if name.endswith(weighing.pipeline_name(flattered, "")) else 0.0
        return 0.6 if name.endswith(weighing.pipeline_name(best, "")) else 0.5

    assert weighing.choose(stock, found_by(weighing, stock, worth)) == best


@pytest.mark.parametrize("way", ["all", "generated"])
def test_a_way_that_harms_what_the_engine_understands_is_not_chosen(scripts, stock, way):
    weighing = scripts.generator_weighing
    eager = weighing.ASKING[-1]

    def worth(name, query):
        if name == weighing.pipeline_name(eager, way) and query.kind == "tail":
            return 0.4
        return (
            0.9 if name.endswith(weighing.pipeline_name(eager, "")) and query.kind == "gap" else 0.5
        )

    found = found_by(weighing, stock, worth)

    assert weighing.choose(stock, found) == weighing.ASKING[0]
    unharmed = replace(stock, queries=tuple(q for q in stock.queries if q.kind != "tail"))
    assert weighing.choose(unharmed, found) == eager


@pytest.mark.slow
@pytest.mark.students
@pytest.mark.timeout(900)
def test_the_script_runs_from_the_shop_to_generators_in_a_small_form(scripts, tmp_path, capfd):
    scripts.train_demo_rewriters.main([str(tmp_path), "--small"])

    printed = capfd.readouterr().out
    for system in get_args(Rewriter):
        manifest = read_student(tmp_path / system, expect=("generator",)).manifest
        assert manifest.provenance.seen_folds == (0, 1, 2)
        assert manifest.provenance.licence == "Apache-2.0"
        assert str(tmp_path) not in manifest.model_dump_json()
        assert "127.0.0.1" not in manifest.model_dump_json()
        assert manifest.quality["nDCG@10, fold 3, rules and table"] > 0
        assert f"{system}: Asking(" in printed

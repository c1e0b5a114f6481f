import msgspec
import pytest

from qrmiddleware.distill.phrases import Floors
from qrmiddleware.distill.rewriting.rows import RewritePair
from qrmiddleware.distill.rewriting.wordings import FORM, SPELLING, Usage
from qrmiddleware.distill.splits import query_key
from qrmiddleware.errors import ConfigError
from qrmiddleware.recipes.gathering import Material, Source
from qrmiddleware.recipes.wordings import WordingPlan, make_wordings

FLOORS = Floors(products=2, brands=1, one_brand=1)


def plan(**changes):
    told = {"queries": 30, "usage": Usage(products=1), "floors": FLOORS, **changes}
    return WordingPlan(**told)


def pairs_in(file):
    return [msgspec.json.decode(line, type=RewritePair) for line in file.read_bytes().splitlines()]


@pytest.fixture
def material(shop):
    return Material(Source(shop, text_fields=("title", "brand")))


def test_pairs_are_written_each_once_and_counted_by_source(material, tmp_path):
    file = tmp_path / "made" / "pairs.jsonl"

    made = make_wordings(material, file, plan(logged=("desk lamp", "desk lamp")))

    pairs = pairs_in(file)
    assert len(pairs) == len(set(pairs)) == sum(made.pairs.values()) > 0
    assert (
        {pair.source for pair in pairs} == set(made.pairs) <= {FORM, SPELLING, "catalogue:compound"}
    )
    assert (tmp_path / "made" / "pairs.jsonl.made.json").is_file()


def test_neither_side_of_a_pair_equals_a_held_out_query(material, tmp_path):
    key = query_key(stems=True)
    held_out = {key(query.text) for query in material.judged.queries if query.fold == 1}
    logged = tuple(query.text for query in material.judged.queries)

    free = make_wordings(material, tmp_path / "all.jsonl", plan(logged=logged))
    made = make_wordings(material, tmp_path / "some.jsonl", plan(logged=logged, held_out=(1,)))

    sides = {key(side) for p in pairs_in(tmp_path / "some.jsonl") for side in (p.query, p.rewrite)}
    every = {key(side) for p in pairs_in(tmp_path / "all.jsonl") for side in (p.query, p.rewrite)}
    assert held_out & every
    assert not held_out & sides
    assert made.dropped > free.dropped


def test_an_unknown_language_is_told(material, tmp_path):
    with pytest.raises(ConfigError, match="stemmers"):
        make_wordings(material, tmp_path / "pairs.jsonl", plan(language="klingon"))

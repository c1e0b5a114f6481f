import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qrmiddleware.distill.catalogue import Record
from qrmiddleware.distill.negatives import (
    Accessories,
    Band,
    Plan,
    find_accessories,
    unlabelled_pairs,
)
from qrmiddleware.distill.phrases import Types

TITLES = {
    "c1": "Acme camera",
    "c2": "Borea camera",
    "a1": "Acme camera case",
    "a2": "Cordo strap for Acme Zoom",
    "k1": "Acme kettle",
}
TYPES = Types(
    {"camera": 2, "camera case": 1, "strap": 1, "kettle": 1},
    {
        "c1": ("camera",),
        "c2": ("camera",),
        "a1": ("camera case",),
        "a2": ("strap",),
        "k1": ("kettle",),
    },
)
NONE = Accessories({}, {})
HITS = [f"d{n}" for n in range(1, 201)]


def found():
    return find_accessories([Record(doc_id, title) for doc_id, title in TITLES.items()], TYPES)


@pytest.mark.parametrize(
    ("query", "doc_ids"),
    [
        ("camera", ["a1"]),
        ("Cameras", ["a1"]),
        ("acme zoom", ["a2"]),
        ("black camera", ["a1"]),
        ("kettle", []),
        ("case", []),
        ("", []),
    ],
)
def test_accessories_are_made_for_what_the_query_names(query, doc_ids):
    assert found().of(query) == doc_ids


def test_a_list_holds_hits_of_every_band_accessories_and_random_products():
    plan = Plan(bands=(Band(5, 2), Band(20, 3)), accessories=1, random=2)

    pairs = list(
        unlabelled_pairs(
            ["camera"],
            lambda query, depth: HITS[:depth],
            found(),
            catalogue=HITS,
            seed=1,
            plan=plan,
        )
    )

    hits = [pair for pair in pairs if pair.source == "hit"]
    assert [pair.rank <= 5 for pair in hits] == [True, True, False, False, False]
    assert all(pair.doc_id == f"d{pair.rank}" for pair in hits)
    assert max(pair.rank for pair in hits) <= 20
    assert [pair.source for pair in pairs[5:]] == ["accessory", "random", "random"]
    assert pairs[5].doc_id == "a1"


def test_the_engine_is_asked_once_a_query_down_to_the_last_band():
    asked = []

    def search(query, depth):
        asked.append((query, depth))
        return []

    pairs = list(unlabelled_pairs(["a", "b"], search, NONE, catalogue=HITS, seed=1))

    assert asked == [("a", 100), ("b", 100)]
    assert {pair.source for pair in pairs} == {"random"}


def test_without_bands_the_engine_is_not_asked():
    def search(query, depth):
        raise AssertionError

    plan = Plan(bands=(), accessories=0, random=1)

    assert len(list(unlabelled_pairs(["a"], search, NONE, catalogue=HITS, seed=1, plan=plan))) == 1


def test_a_job_that_goes_on_gives_the_pairs_that_were_left():
    def pairs(queries):
        return list(
            unlabelled_pairs(queries, lambda q, depth: HITS[:depth], NONE, catalogue=HITS, seed=1)
        )

    whole = pairs(["a", "b"])

    assert pairs(["b"]) == [pair for pair in whole if pair.query == "b"]
    assert [(p.rank, p.doc_id) for p in whole[:18]] != [(p.rank, p.doc_id) for p in whole[18:]]


@settings(max_examples=50)
@given(st.integers(0, 40), st.integers(0, 5), st.integers(0, 5), st.integers())
def test_no_product_comes_twice_and_counts_are_kept(hits, accessories, random, seed):
    plan = Plan(bands=(Band(3, 2), Band(10, 4)), accessories=accessories, random=random)
    traps = Accessories(
        {"camera": frozenset({"d1", "d3", "a1", "a2"})}, dict.fromkeys(["d1", "d3", "a1", "a2"], 0)
    )

    pairs = list(
        unlabelled_pairs(
            ["camera"],
            lambda query, depth: HITS[:hits],
            traps,
            catalogue=HITS,
            seed=seed,
            plan=plan,
        )
    )

    assert len({pair.doc_id for pair in pairs}) == len(pairs)
    sources = [pair.source for pair in pairs]
    assert sources.count("hit") == min(hits, 3, 2) + min(max(hits - 3, 0), 7, 4)
    assert sources.count("accessory") <= accessories
    assert sources.count("random") == random


def test_ranks_that_do_not_rise_are_refused():
    with pytest.raises(ValueError, match=r"\[10, 5\]"):
        Plan(bands=(Band(10, 1), Band(5, 1)))
    with pytest.raises(ValueError, match=r"from 1"):
        Plan(bands=(Band(0, 1),))

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qrmiddleware.distill.catalogue import Record
from qrmiddleware.distill.manufacture import (
    Manufactured,
    Mix,
    device_phrases,
    manufacture,
    propose_all,
    refuse_overlap,
    usual_attributes,
)
from qrmiddleware.distill.phrases import Floors, find_types
from qrmiddleware.distill.splits import normalised_query

BRANDS = ("Acme", "Borea", "Cordo")
KINDS = ("desk lamp", "lamp", "kettle", "camera case", "camera")


def shop():
    return [
        Record(
            doc_id=f"p{n}",
            title=f"{brand} {'Nova ' if brand == 'Acme' else ''}{n}X {kind} {colour} {n} cm",
            brand=brand,
            description=f"Bright, for small rooms. Fits all. For Borea Zoom {n}.",
            attributes={"colour": (colour,), "made in": ("Freedonia",)},
            flags=("rohs",),
        )
        for n, (brand, kind, colour) in enumerate(product(BRANDS, KINDS, ("black", "red")))
    ]


def proposals():
    records = shop()
    found = propose_all(records, find_types(records, Floors()), Floors())
    return {query.query: query for query in found}


@pytest.mark.parametrize(
    ("query", "template"),
    [
        ("desk lamp", "type"),
        ("acme", "brand"),
        ("acme kettle", "brand_type"),
        ("nova kettle", "line"),
        ("red desk lamp", "attribute_type"),
        ("kettle for borea", "type_for"),
        ("kettle for borea zoom 4", "type_for"),
        ("kettle for small rooms", "use"),
    ],
)
def test_each_template_makes_its_queries(query, template):
    found = proposals()

    assert found[query].template == template


def test_a_query_knows_a_product_that_gives_it_and_how_many_do():
    found = proposals()

    assert found["desk lamp"] == Manufactured("desk lamp", "type", "p0", 6)
    assert found["acme kettle"].products == 2
    assert found["red desk lamp"].doc_id == "p1"


def test_what_sellers_do_not_mention_is_no_attribute_of_a_query():
    assert usual_attributes(shop(), Floors()) == {"black", "red"}


def test_the_same_seed_makes_the_same_queries_each_once():
    first, again, other = (manufacture(shop(), count=30, seed=seed) for seed in (1, 1, 2))

    assert first == again != other
    keys = [normalised_query(query.query) for query in first]
    assert len(set(keys)) == len(keys) == 30


def test_short_queries_that_many_products_give_dominate():
    drawn = [manufacture(shop(), count=10, seed=seed) for seed in range(30)]
    words = [len(query.query.split()) for queries in drawn for query in queries]
    everything = [len(query.split()) for query in proposals()]

    assert sum(words) / len(words) < sum(everything) / len(everything) - 0.5


def test_a_template_without_weight_is_left_out_and_long_queries_are_too():
    only = Mix(templates={"type_for": 1.0}, longest=3)

    queries = manufacture(shop(), count=1000, seed=1, mix=only)

    assert {query.template for query in queries} == {"type_for"}
    assert max(len(query.query.split()) for query in queries) == 3


def test_held_out_queries_are_dropped_and_counted():
    every = manufacture(shop(), count=1000, seed=1)

    kept = refuse_overlap(every, ["Desk  LAMPS!", "kettle", "submarine"])

    assert kept.dropped == 2
    assert not {"desk lamp", "kettle"} & {query.query for query in kept.queries}
    assert refuse_overlap(every, ["desk lamps"], stems=False).dropped == 0


@given(st.lists(st.sampled_from(["lamp", "Lamp", "red lamps", "kettle", "x"])), st.data())
def test_no_held_out_query_passes_the_guard(texts, data):
    held_out = data.draw(st.lists(st.sampled_from(["lamp", "RED lamp", "x"])))
    every = [Manufactured(text, "type", "p1", 1) for text in texts]

    kept = refuse_overlap(every, held_out, stems=False)

    assert len(kept.queries) + kept.dropped == len(every)
    assert not {normalised_query(q.query) for q in kept.queries} & {
        normalised_query(query) for query in held_out
    }


def test_devices_come_from_texts_and_attributes():
    record = Record(
        "1",
        "Toner for LaserJet 4200/4250 black",
        description="<b>Made</b> for you. For use with (odd).",
        attributes={
            "brand compatibility": ("HP", "Canon (some)"),
            "compatible operating systems": ("Linux",),
        },
    )

    assert device_phrases(record) == ["laserjet 4200 4250", "hp"]


def test_an_empty_catalogue_gives_no_queries():
    assert manufacture([], count=10, seed=1) == ()

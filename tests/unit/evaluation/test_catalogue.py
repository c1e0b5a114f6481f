"""What becomes of a catalogue in an engine."""

import json

import pytest
import tenacity

from qrmiddleware.errors import ConfigError
from qrmiddleware.evaluation.catalogue import (
    CatalogueIndexer,
    IncompleteError,
    IndexPlan,
)
from qrmiddleware.evaluation.client import EngineClient, RefusedError
from qrmiddleware.evaluation.collection import Document
from qrmiddleware.evaluation.formats import load_catalogue

LAMPS = [Document(f"d{n}", {"title": f"lamp {n}", "price": n}) for n in range(1200)]
OK = (200, b'{"acknowledged": true}')
STORED = (200, b'{"errors": false, "items": []}')
ABSENT = (404, b"")
COUNTED = (200, b'{"count": 2}')


async def fill(upstream, documents, tick=lambda _: None, **plan):
    indexer = CatalogueIndexer(EngineClient(upstream), wait=tenacity.wait_none())
    return await indexer.index(documents, IndexPlan("shop", **plan), tick)


async def ask(upstream, method, target, body=None):
    data = None if body is None else json.dumps(body).encode()
    return (await EngineClient(upstream).call(method, target, data))[1]


def items(*statuses):
    outcomes = [
        {"index": {"_id": f"d{n}", "status": status, **({"error": {}} if status > 299 else {})}}
        for n, status in enumerate(statuses)
    ]
    return 200, json.dumps({"errors": True, "items": outcomes}).encode()


async def test_everything_can_be_searched_afterwards(embedded):
    ticks = []

    done = await fill(embedded, iter(LAMPS), ticks.append)

    found = await ask(embedded, "POST", "/shop/_search", {"query": {"match": {"title": "7"}}})
    assert [hit["_id"] for hit in found["hits"]["hits"]] == ["d7"]
    assert found["hits"]["hits"][0]["_source"] == {"title": "lamp 7", "price": 7}
    assert (done.sent, done.count, sum(ticks), done.merged) == (1200, 1200, 1200, False)
    assert done.duration_s > 0


async def test_an_id_that_comes_twice_is_one_document(embedded):
    done = await fill(embedded, [LAMPS[0], LAMPS[1], LAMPS[0]])

    assert (done.sent, done.count) == (3, 2)


async def test_an_index_that_is_there_is_left_alone(embedded):
    await fill(embedded, LAMPS[:2])

    with pytest.raises(ConfigError, match=r"there is an index shop already; .* --replace"):
        await fill(embedded, LAMPS[:1])
    assert (await ask(embedded, "GET", "/shop/_count"))["count"] == 2


async def test_an_index_that_is_there_is_replaced_if_that_is_wanted(embedded):
    await fill(embedded, LAMPS[:2])

    done = await fill(embedded, LAMPS[:1], replace=True)

    assert done.count == 1


async def test_nothing_is_deleted_for_a_catalogue_that_cannot_be_indexed(embedded):
    await fill(embedded, LAMPS[:2])

    with pytest.raises(ConfigError, match="has a field 'name'"):
        await fill(embedded, LAMPS[:1], replace=True, text_fields=("name",))
    with pytest.raises(ConfigError, match="the catalogue has no documents"):
        await fill(embedded, [], replace=True)
    assert (await ask(embedded, "GET", "/shop/_count"))["count"] == 2


async def test_the_analyzer_is_the_texts(embedded):
    await fill(embedded, [Document("a", {"title": "running shoes"})], analyzer="english")

    found = await ask(embedded, "POST", "/shop/_search", {"query": {"match": {"title": "run"}}})
    assert found["hits"]["total"]["value"] == 1


async def test_an_analyzer_that_the_engine_lacks_is_named(embedded):
    with pytest.raises(ConfigError, match=r"cannot be made: .*klingon.*; .* --analyzer standard"):
        await fill(embedded, LAMPS[:1], analyzer="klingon")


async def test_a_body_of_ones_own_is_taken_as_it_is(embedded):
    body = {"mappings": {"properties": {"title": {"type": "keyword"}}}}

    done = await fill(embedded, LAMPS[:1], body=body)

    assert done.mappings == body["mappings"]
    mapped = await ask(embedded, "GET", "/shop/_mapping")
    assert mapped["shop"]["mappings"]["properties"]["title"] == {"type": "keyword"}


async def test_a_document_that_the_engine_refuses_is_named(embedded):
    body = {"mappings": {"properties": {"price": {"type": "integer"}}}}

    with pytest.raises(IncompleteError, match="the engine refused document x: "):
        await fill(embedded, [Document("x", {"price": "cheap"})], body=body)


async def test_a_catalogue_that_cannot_be_read_to_its_end_is_said_to_be_in_part(embedded, tmp_path):
    file = tmp_path / "products.jsonl"
    lines = [json.dumps({"id": each.doc_id, **each.source}) for each in LAMPS[:1100]]
    file.write_text("\n".join([*lines, "oops"]))

    with pytest.raises(
        IncompleteError,
        match=r"jsonl:1101: expected a JSON object, .*; shop has only the first 1,000 ",
    ):
        await fill(embedded, load_catalogue(file))


async def test_what_a_busy_engine_turned_away_is_sent_again_and_nothing_else(scripted):
    answers = [ABSENT, OK, (429, b"{}"), items(201, 429), STORED, OK, OK, COUNTED]
    upstream = scripted(*answers)

    done = await fill(upstream, LAMPS[:2])

    sent = [request.body for request in upstream.asked if request.target == "/shop/_bulk"]
    assert [body.count(b"\n") for body in sent] == [4, 4, 2]
    assert b'"d1"' in sent[2]
    assert done.merged


async def test_an_engine_that_stays_busy_ends_it(scripted):
    upstream = scripted(ABSENT, OK, *[(503, b"")] * 20)

    with pytest.raises(IncompleteError, match="the engine stayed busy: 2 documents are not in"):
        await fill(upstream, LAMPS[:2])
    assert len(upstream.asked) == 12


async def test_a_refusal_among_those_turned_away_ends_it(scripted):
    upstream = scripted(ABSENT, OK, items(429, 400))

    with pytest.raises(IncompleteError, match="refused document d1"):
        await fill(upstream, LAMPS[:2])


async def test_other_refusals_are_passed_on(scripted):
    with pytest.raises(RefusedError, match="401: no reason given; give credentials"):
        await fill(scripted((401, b"")), LAMPS[:1])
    with pytest.raises(RefusedError, match="PUT /shop was answered with 403"):
        await fill(scripted(ABSENT, (403, b"{}")), LAMPS[:1])


@pytest.mark.parametrize("name", ["", "Shop", "a,b", "shop*", "_all", "-a", "a b", "a/b"])
async def test_what_is_no_name_of_an_index_is_refused(scripted, name):
    indexer = CatalogueIndexer(EngineClient(scripted()))

    with pytest.raises(ConfigError, match="is no name of an index"):
        await indexer.index(LAMPS, IndexPlan(name), lambda _: None)

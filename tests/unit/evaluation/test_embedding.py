"""Vectors on their way into an index."""

import json

import numpy as np
import pytest
import tenacity

from qrmiddleware.errors import ConfigError
from qrmiddleware.evaluation.client import EngineClient
from qrmiddleware.evaluation.embedding import Embedded, Embedder, EmbeddingPlan

ELASTICSEARCH = (200, b'{"version": {"number": "9.2.0", "build_flavor": "default"}}')
OPENSEARCH = (200, b'{"version": {"number": "3.8.0", "distribution": "opensearch"}}')
SETTINGS = (200, b'{"shop": {"settings": {}, "defaults": {}}}')
EMPTY = (200, b'{"shop": {"mappings": {}}}')
DONE = (200, b'{"acknowledged": true}')
STORED = (200, b'{"errors": false, "items": []}')
PLAN = EmbeddingPlan("shop", "vectors.title", ("title",), 2)


class Lengths:
    """Its vectors say how long a text is."""

    def vectors(self, texts):
        return np.array([[len(text), 0] for text in texts], np.float32)


def page(*hits):
    told = {"total": {"value": 3}, "hits": [{"_id": k, "_source": v} for k, v in hits]}
    return 200, json.dumps({"_scroll_id": "s", "hits": told}).encode()


def mapping(**field):
    told = {"properties": {"vectors": {"properties": {"title": field}}}}
    return 200, json.dumps({"shop": {"mappings": told}}).encode()


async def embed(engine, plan=PLAN, tick=lambda *_: None):
    embedder = Embedder(EngineClient(engine), Lengths(), wait=tenacity.wait_none())
    return await embedder.embed(plan, tick)


def asked(engine, method, target):
    return [each for each in engine.asked if (each.method, each.target) == (method, target)]


@pytest.mark.parametrize(
    ("brand", "kind"),
    [
        (ELASTICSEARCH, {"type": "dense_vector", "dims": 2, "index": False}),
        (OPENSEARCH, {"type": "float", "index": False}),
    ],
)
async def test_every_document_with_a_text_gets_its_vector(scripted, brand, kind):
    pages = [page(("a", {"title": "red"}), ("b", {})), page(("c", {"title": "black"})), page()]
    engine = scripted(
        SETTINGS, EMPTY, brand, DONE, pages[0], STORED, pages[1], STORED, pages[2], DONE, DONE
    )
    ticks = []

    done = await embed(engine, tick=lambda *told: ticks.append(told))

    assert done == Embedded(written=2, without_text=1)
    assert ticks == [(2, 3), (3, 3)]
    (mapped,) = asked(engine, "PUT", "/shop/_mapping")
    assert json.loads(mapped.body) == {"properties": {"vectors": {"properties": {"title": kind}}}}
    first, second = asked(engine, "POST", "/shop/_bulk")
    assert [json.loads(line) for line in first.body.splitlines()] == [
        {"update": {"_id": "a"}},
        {"doc": {"vectors": {"title": [3.0, 0.0]}}},
    ]
    assert b'"c"' in second.body
    assert asked(engine, "DELETE", "/_search/scroll")


async def test_only_those_without_a_vector_are_asked_for_where_that_is_wanted(scripted):
    engine = scripted(SETTINGS, EMPTY, ELASTICSEARCH, DONE, page(), DONE, DONE)

    await embed(engine, EmbeddingPlan("shop", "v", ("title",), 2, missing=True))

    (search,) = asked(engine, "POST", "/shop/_search?scroll=5m")
    body = json.loads(search.body)
    assert body["query"] == {"bool": {"must_not": {"exists": {"field": "v"}}}}
    assert body["_source"] == ["title"]


async def test_an_index_that_hides_vectors_is_refused_with_what_to_do(scripted):
    hidden = {
        "shop": {"settings": {}, "defaults": {"index.mapping.exclude_source_vectors": "true"}}
    }
    engine = scripted((200, json.dumps(hidden).encode()))

    with pytest.raises(ConfigError, match=r"exclude_source_vectors: false, .* reindex"):
        await embed(engine)


async def test_an_engine_that_does_not_tell_its_settings_is_trusted(scripted):
    engine = scripted((404, b""), EMPTY, ELASTICSEARCH, DONE, page(), DONE, DONE)

    assert await embed(engine) == Embedded(0, 0)


@pytest.mark.parametrize(
    ("field", "said"),
    [
        ({"type": "text"}, r"is mapped as text of 2, and vectors here are dense_vector of 2"),
        ({"type": "dense_vector", "dims": 3}, r"dense_vector of 3, and .* dense_vector of 2"),
    ],
)
async def test_a_field_that_is_something_else_is_left_alone(scripted, field, said):
    engine = scripted(SETTINGS, mapping(**field), ELASTICSEARCH)

    with pytest.raises(ConfigError, match=said):
        await embed(engine)
    assert not asked(engine, "PUT", "/shop/_mapping")


async def test_a_mapping_that_the_engine_refuses_is_told(scripted):
    engine = scripted(SETTINGS, EMPTY, ELASTICSEARCH, (400, b'{"error": {"reason": "too many"}}'))

    with pytest.raises(ConfigError, match=r"vectors\.title cannot be mapped: .*too many"):
        await embed(engine)

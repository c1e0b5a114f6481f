"""A small shop in the embedded engine, and plugins that are installed for the tests."""

import importlib
import sys
import textwrap
from functools import partial

import pytest
from elastic_transport import ConnectionError as NoConnectionError
from elasticsearch import AsyncElasticsearch, Elasticsearch

from qrmiddleware_elasticsearch_py import AsyncEmbeddedNode, EmbeddedNode

URL = "http://embedded:9200"
PLUGINS = """
from pydantic import BaseModel

from qrmiddleware import Rewrite, hookimpl

SHUT_DOWN = []


class Synonyms:
    class Settings(BaseModel):
        pairs: dict[str, str] = {"laptop": "notebook"}

    def __init__(self, settings):
        self._pairs = settings.pairs

    @hookimpl
    def qrm_rewrite(self, query):
        return [Rewrite(new) for old, new in self._pairs.items() if old in query.text] or None

    @hookimpl
    def qrm_shutdown(self):
        SHUT_DOWN.append(self)


class Cheapest:
    class Settings(BaseModel):
        pass

    def __init__(self, settings):
        pass

    @hookimpl
    def qrm_reward(self, query, hits):
        return [-hit.source["price"] for hit in hits]


class Broken:
    class Settings(BaseModel):
        pass

    def __init__(self, settings):
        pass

    @hookimpl
    def qrm_rewrite(self, query):
        raise RuntimeError("the model is gone")

    @hookimpl
    def qrm_shutdown(self):
        raise RuntimeError("the file is gone")
"""
PRODUCTS = {
    "1": {"title": "acme laptop", "brand": "acme", "price": 900},
    "2": {"title": "globex notebook", "brand": "globex", "price": 700},
    "3": {"title": "initech laptop", "brand": "initech", "price": 500},
    "4": {"title": "acme mouse", "brand": "acme", "price": 20},
}


class RecordingNode(EmbeddedNode):
    """Remembers what reaches the engine; a host called ``dead`` cannot be reached."""

    def __init__(self, config):
        super().__init__(config)
        self.requests = []

    def perform_request(self, method, target, body=None, headers=None, request_timeout=None):
        self.requests.append((method, target, body, dict(headers or {}), request_timeout))
        if self.host == "dead":
            message = "nobody there"
            raise NoConnectionError(message)
        return super().perform_request(method, target, body, headers)


def operations():
    for doc_id, product in PRODUCTS.items():
        yield {"index": {"_index": "shop", "_id": doc_id}}
        yield product


@pytest.fixture(autouse=True)
def plugins(tmp_path, monkeypatch):
    """Install ``synonyms``, ``cheapest`` and ``broken``; returns what imports their module."""
    (tmp_path / "in_process_plugins.py").write_text(PLUGINS)
    folder = tmp_path / "in_process_plugins-1.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Name: in-process-plugins\nVersion: 1\n")
    (folder / "entry_points.txt").write_text(
        textwrap.dedent(
            """\
            [qrmiddleware]
            synonyms = in_process_plugins:Synonyms
            cheapest = in_process_plugins:Cheapest
            broken = in_process_plugins:Broken
            """
        )
    )
    monkeypatch.syspath_prepend(tmp_path)
    yield partial(importlib.import_module, "in_process_plugins")
    sys.modules.pop("in_process_plugins", None)


@pytest.fixture
def plain():
    """A client of an engine that holds the products."""
    with Elasticsearch(URL, node_class=RecordingNode) as client:
        client.bulk(operations=operations(), refresh=True)
        yield client


@pytest.fixture
async def async_plain():
    async with AsyncElasticsearch(URL, node_class=AsyncEmbeddedNode) as client:
        await client.bulk(operations=operations(), refresh=True)
        yield client


@pytest.fixture
def node(plain):
    """The only node of ``plain``."""
    (only,) = plain.transport.node_pool.all()
    return only

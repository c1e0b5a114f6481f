"""An engine in memory, ways to ask it, and a small shop in it."""

import json

import pytest

from qrmiddleware.upstream.embedded.catalog import Catalog
from qrmiddleware.upstream.embedded.engine import EmbeddedEngine

SHOP = {
    "title": {"type": "text", "fields": {"keyword": {"type": "keyword"}}},
    "description": {"type": "text", "analyzer": "english"},
    "brand": {"type": "keyword"},
    "price": {"type": "double"},
    "stock": {"type": "integer"},
    "active": {"type": "boolean"},
    "released": {"type": "date"},
}
PRODUCTS = [
    {"title": "black laptop", "brand": "acme", "price": 900.0, "stock": 3, "active": True,
     "released": "2020-01-01", "description": "A running machine."},
    {"title": "laptop bag", "brand": "globex", "price": 30.0, "stock": 10, "active": True,
     "released": "2021-06-15", "description": "Carries laptops while you run."},
    {"title": "red phone", "brand": "acme", "price": 500.0, "stock": 0, "active": False,
     "released": "2022-03-03", "description": "Calls people."},
    {"title": "phone case red", "brand": "initech", "price": 10.0, "active": True,
     "released": "2023-12-31", "description": "Protects phones. Very slim. Red as well."},
    {"title": "black phone charger black", "brand": "globex", "price": 20.0, "stock": 7,
     "active": True, "released": "2019-10-10", "description": "Charges."},
]  # fmt: skip


@pytest.fixture
def engine():
    engine = EmbeddedEngine()
    yield engine
    engine.close()


@pytest.fixture
def ask(engine):
    """Ask the engine; gives back status and decoded answer."""
    return asking(engine)


@pytest.fixture
def shop(ask):
    """An index of five products, with the ids 1 to 5; gives back ``ask``."""
    return fill_shop(ask)


@pytest.fixture(scope="session")
def window():
    """The same shop for all tests that only look at it."""
    engine = EmbeddedEngine()
    yield fill_shop(asking(engine))
    engine.close()


@pytest.fixture
def search(window):
    """Search the shop; gives back the whole answer, which must be a success."""

    def search(body=None, target="/shop/_search"):
        status, reply = window("POST", target, body or {})
        assert status == 200, reply
        return reply

    return search


@pytest.fixture
def find(search):
    """The ids that a query finds in the shop, best first."""

    def find(query, **body):
        return [hit["_id"] for hit in search({"query": query, **body})["hits"]["hits"]]

    return find


@pytest.fixture
def score(search):
    """The scores that a query gives in the shop, by id."""

    def score(query):
        return {h["_id"]: h["_score"] for h in search({"query": query})["hits"]["hits"]}

    return score


@pytest.fixture
def refusal(window):
    """The status and the reason that the shop refuses a search with."""

    def refusal(body, target="/shop/_search", method="POST"):
        status, reply = window(method, target, body)
        assert reply["status"] == status
        assert reply["error"]["root_cause"][0]["type"] == reply["error"]["type"]
        return status, reply["error"]["reason"]

    return refusal


@pytest.fixture
def make_view():
    """A view of an index that holds some documents, in memory."""
    catalogs = []

    def make_view(*documents, **properties):
        catalog = Catalog()
        catalogs.append(catalog)
        index = catalog.create("docs", {"mappings": {"properties": properties}})
        with catalog.writing() as touched:
            touched.add("docs")
            for number, document in enumerate(documents, 1):
                index.put(str(number), dump(document))
        return catalog.find("docs").view()

    yield make_view
    for catalog in catalogs:
        catalog.close()


def asking(engine):
    def ask(method, target, body=None, **headers):
        data = body if isinstance(body, bytes) else b"" if body is None else dump(body)
        fields = [(name.replace("_", "-"), value) for name, value in headers.items()]
        status, _, content = engine.handle(method, target, fields, data)
        is_json = content[:1] in (b"{", b"[")
        return status, json.loads(content) if is_json else content.decode()

    return ask


def fill_shop(ask):
    ask("PUT", "/shop", {"mappings": {"properties": SHOP}})
    lines = []
    for number, product in enumerate(PRODUCTS, 1):
        lines += [{"index": {"_id": str(number)}}, product]
    status, reply = ask("POST", "/shop/_bulk", b"".join(dump(line) + b"\n" for line in lines))
    assert (status, reply["errors"]) == (200, False)
    return ask


def dump(value):
    return json.dumps(value).encode()

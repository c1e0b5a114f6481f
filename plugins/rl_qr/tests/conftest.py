"""A shop whose catalogue has other words than its shoppers."""

import json
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import product
from threading import Thread

import pytest

from qrmiddleware.distill.splits import normalised_query
from qrmiddleware.distill.teachers.table_server import TableServer
from qrmiddleware.testing.generators import make_generator
from qrmiddleware.testing.training import fresh_accelerator, one_thread  # noqa: F401 for all
from qrmiddleware_rl_qr.recipes.searching import Hit
from qrmiddleware_rl_qr.versions.folder import VersionFolder

COLOURS = ("red", "blue", "green", "black", "white", "pink")
KINDS = {
    "sofa": ("couch", "settee"),
    "lamp": ("light", "lantern"),
    "rug": ("carpet", "mat"),
    "stove": ("cooker", "oven"),
}
"""What the catalogue calls a kind, and what shoppers call it."""


@dataclass
class Shop:
    """Products, an index in memory that matches words, and the truth about every query.

    Attributes:
        names: What the catalogue calls each kind now.
        searches: Every text that was searched for.
    """

    colours: tuple[str, ...] = COLOURS
    names: dict[str, str] = field(default_factory=lambda: {kind: kind for kind in KINDS})
    searches: list[str] = field(default_factory=list)

    @property
    def products(self):
        """Three of every colour and kind: id and title."""
        return {
            f"{colour}-{kind}-{number}": f"{colour} {self.names[kind]} {size}"
            for colour, kind in product(self.colours, KINDS)
            for number, size in enumerate(("small", "large", "wide"))
        }

    def rename(self):
        """Replace all products by others, which have the shoppers' second words."""
        self.names = {kind: words[1] for kind, words in KINDS.items()}

    def queries(self, kinds=tuple(KINDS)):
        """Return every colour with every word of these kinds, the catalogue's own first."""
        return [
            f"{colour} {word}"
            for colour, kind in product(self.colours, kinds)
            for word in (kind, *KINDS[kind])
        ]

    def relevant(self, query):
        """Return the products that a query is after."""
        words = query.split()
        return frozenset(
            f"{colour}-{kind}-{number}"
            for colour, (kind, others) in product(self.colours, KINDS.items())
            if colour in words and {kind, *others} & set(words)
            for number in range(3)
        )

    def search(self, texts):
        """Return the products that have all words of a text."""
        self.searches.extend(texts)
        return [self._found(set(text.casefold().split())) for text in texts]

    def _found(self, words):
        return [
            Hit(doc_id, title)
            for doc_id, title in self.products.items()
            if words and words <= set(title.split())
        ][:12]

    def scores(self, query, hits):
        """Know what is relevant, as ``Relevance``."""
        wanted = self.relevant(normalised_query(query))
        return [float(hit.doc_id in wanted) for hit in hits]

    def write_queries(self, path, kinds=tuple(KINDS)):
        """Write queries with their products, as ESCI's are written."""
        path.write_text(
            "".join(
                json.dumps({"query": query, "product_ids": sorted(self.relevant(query))}) + "\n"
                for query in self.queries(kinds)
            )
        )
        return path


@pytest.fixture
def shop():
    return Shop()


@pytest.fixture
def make_shop():
    return Shop


class Talker(TableServer):
    """A language model that says what it is told to say to whoever mentions a word.

    Attributes:
        said: Answers by what the last message holds.
    """

    def __init__(self, said, script=()):
        super().__init__({}, script)
        self.said = said

    def reply(self, body):
        asked = " ".join(message["content"] for message in body["messages"][1:])
        content = next((told for word, told in self.said.items() if word in asked), "I cannot say.")
        return {
            "choices": [{"message": {"role": "assistant", "content": content}}],
            "usage": {"prompt_tokens": 100, "completion_tokens": 5},
        }


@pytest.fixture
def talker():
    """Open a language model that says what it is told."""
    return Talker


@contextmanager
def _served(shop):
    """Answer searches as an engine does, by what the shop finds."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            query = body["query"]["multi_match"]["query"]
            (hits,) = shop.search([query])
            told = [{"_id": hit.doc_id, "_source": {"title": hit.title}} for hit in hits]
            data = json.dumps({"hits": {"hits": told[: body["size"]]}}).encode()
            self.send_response(400 if query == "broken" else 200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *arguments):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def engine(shop):
    """URL of an engine that holds the shop."""
    with _served(shop) as url:
        yield url


@pytest.fixture(scope="session")
def students(tmp_path_factory):
    """Generators that write one word each, however they are asked."""
    folder = tmp_path_factory.mktemp("students")
    return {
        word: make_generator(folder / word, terms=(word,), name=word)
        for word in ("sneaker", "boot", "sock")
    }


@pytest.fixture
def versions(tmp_path, students):
    """Version 0001 writes ``sneaker`` and serves, 0002 ``boot``, 0003 ``sock``."""
    folder = VersionFolder(tmp_path / "versions")
    for student in students.values():
        folder.add(student)
    return folder

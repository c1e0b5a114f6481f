"""The embedded engine behind a port of its own."""

import asyncio
import json
import threading
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from qrmiddleware.upstream.embedded import EmbeddedUpstream
from qrmiddleware.upstream.exchange import UpstreamRequest

PRODUCTS = [
    "red running shoe",
    "blue running shoe mesh",
    "running sneaker mesh",
    "trail sneaker mesh",
    "kettle steel the",
    "toaster steel the",
    "lamp steel the",
    "chair wood the",
    "table wood the",
    "phone case the",
]


class Served:
    """An engine, and what it was asked."""

    def __init__(self):
        self.asked = []
        self.headers = []
        self._loop = asyncio.new_event_loop()
        self._engine = EmbeddedUpstream()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._run(self._engine.start())

    def _run(self, work):
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    def answer(self, method, target, body, headers):
        self.asked.append(target)
        self.headers.append(headers)
        kind = headers.get("content-type", "application/json")
        return self._run(
            self._engine.send(UpstreamRequest(method, target, [("content-type", kind)], body))
        )

    def fill(self, index, products):
        lines = [
            line
            for number, title in enumerate(products)
            for line in ({"index": {"_id": str(number)}}, {"title": title, "more": {"tag": title}})
        ]
        body = "".join(json.dumps(line) + "\n" for line in lines).encode()
        done = self.answer("POST", f"/{index}/_bulk?refresh=true", body, {})
        assert not json.loads(done.body)["errors"]

    def close(self):
        self._run(self._engine.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


@contextmanager
def listening(answer):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            reply = answer("POST", self.path, body, headers)
            self.send_response(reply.status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(reply.body)))
            self.end_headers()
            with suppress(BrokenPipeError):  # whoever asked may have given up
                self.wfile.write(reply.body)

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def engine():
    served = Served()
    served.fill("products", PRODUCTS)
    with listening(served.answer) as served.url:
        yield served
    served.close()


@pytest.fixture
def serve():
    """Listen, and answer as told."""
    return listening

"""An engine on a real socket, as the commands need one."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from qrmiddleware.upstream.embedded.engine import EmbeddedEngine


@pytest.fixture
def engine_url() -> Iterator[str]:
    """The URL of an embedded engine that is empty."""
    engine = EmbeddedEngine()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            headers = [(name.lower(), value) for name, value in self.headers.items()]
            status, fields, content = engine.handle(self.command, self.path, headers, body)
            self.send_response(status)
            for name, value in fields:
                if name != "content-length":
                    self.send_header(name, value)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        def __getattr__(self, name: str) -> object:
            """Answer every method alike."""
            if name.startswith("do_"):
                return self.answer
            raise AttributeError(name)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    serving.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    serving.join()
    server.server_close()
    engine.close()

"""An engine on a real socket, for tests of what speaks HTTP; needs the extra ``embedded``."""

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from qrmiddleware.upstream.embedded.engine import EmbeddedEngine

_LINES: Final = [("content-type", "application/x-ndjson")]


@contextmanager
def serve_engine(
    index: str = "", documents: Mapping[str, Mapping[str, Any]] | None = None
) -> Iterator[str]:
    """Serve an embedded engine in memory until the end of the block; yields its URL.

    Args:
        index: Made and filled, if there are documents.
        documents: By doc_id.
    """
    engine = EmbeddedEngine()
    if documents:
        lines = (
            json.dumps(line)
            for doc_id, source in documents.items()
            for line in ({"index": {"_id": doc_id}}, source)
        )
        body = ("\n".join(lines) + "\n").encode()
        engine.handle("POST", f"/{index}/_bulk?refresh=true", _LINES, body)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(engine))
    serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    serving.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        serving.join()
        server.server_close()
        engine.close()


def _handler(engine: EmbeddedEngine) -> type[BaseHTTPRequestHandler]:
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

    return Handler

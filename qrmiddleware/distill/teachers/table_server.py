"""An endpoint that speaks OpenAI's chat completions and answers from a table.

It stands in for a language model where none is at hand: in tests, and to try commands without an
account. Run it with a file of pairs that have a ``grade``, and maybe ``probabilities``, beside:

    python -m qrmiddleware.distill.teachers.table_server graded.jsonl --port 8000

It understands the packaged prompt, so it answers only who asks with that, and can be told to
misbehave.
"""

import argparse
import json
import math
import re
import sys
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from types import TracebackType
from typing import Any, Final, Self

from qrmiddleware.distill.chains import ASPECTS, CONCLUSION, Chain, Step, Verdict
from qrmiddleware.distill.teachers.prompt import shortened
from qrmiddleware.errors import ConfigError, QrmError

_LONGEST: Final = 2000
_QUERY: Final = re.compile(r"^Query: (.*)$", re.MULTILINE)
_PRODUCT: Final = re.compile(r'<product number="(\d+)">\n(.*?)\n</product>', re.DOTALL)
_UNKNOWN: Final = "I do not know this product."

STATUSES: Final[Mapping[str, int]] = {
    "unauthorized": 401,
    "rejected": 400,
    "rate-limit": 429,
    "server-error": 500,
}
"""Misbehaviour that is a status of HTTP."""

CHOICES: Final[Mapping[str, Sequence[Mapping[str, Any]]]] = {
    "prose": [{"message": {"content": "These shoes look great!"}, "finish_reason": "stop"}],
    "half-json": [{"message": {"content": '{"grade": "'}, "finish_reason": "stop"}],
    "wrong-label": [{"message": {"content": '{"grade": "Q"}'}, "finish_reason": "stop"}],
    "empty": [{"message": {"content": None}, "finish_reason": "stop"}],
    "refusal": [{"message": {"refusal": "I cannot help with that."}, "finish_reason": "stop"}],
    "filter": [{"message": {"content": None}, "finish_reason": "content_filter"}],
    "cut-off": [{"message": {"content": "Let me think"}, "finish_reason": "length"}],
    "no-choices": [],
}
"""Misbehaviour that is an answer."""

BEHAVIOURS: Final = ("ok", *STATUSES, *CHOICES, "not-json", "hang", "disconnect")


@dataclass(frozen=True, slots=True)
class Graded:
    """What the table says of one product.

    Attributes:
        grade: A class's code.
        probabilities: By code; empty to be sure of the grade.
        reason: Its chain of reasons; empty for one that compares nothing.
    """

    grade: str
    probabilities: Mapping[str, float] = field(default_factory=dict)
    reason: str = ""


def read_table(path: Path) -> dict[tuple[str, str], Graded]:
    """Read grades by query and text.

    Raises:
        ConfigError: If a line lacks a query, a text or a grade.
    """
    table: dict[tuple[str, str], Graded] = {}
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        message = f"{path}: cannot be read as a table: {error}"
        raise ConfigError(message) from error
    for number, line in enumerate(filter(str.strip, lines), start=1):
        try:
            row = json.loads(line)
            key = table_key(row["query"], row["text"])
            table[key] = Graded(
                str(row["grade"]),
                dict(row.get("probabilities") or {}),
                str(row.get("reason") or ""),
            )
        except (ValueError, TypeError, LookupError, AttributeError) as error:
            message = f"{path}:{number}: expected an object with query, text and grade: {error!r}"
            raise ConfigError(message) from error
    return table


def table_key(query: str, text: str) -> tuple[str, str]:
    """Return under which key a table holds a product, as the prompt shows it."""
    return " ".join(query.split()), shortened(text, _LONGEST)


class TableServer:
    """The endpoint, in a thread; used as a context manager.

    Args:
        table: Grades by ``table_key``.
        script: What it does first, one of ``BEHAVIOURS`` a request; then it answers as it should.
        schema: Whether it takes ``response_format``.
        retry_after_s: What it says with a 429.
        host: Where it listens.
        port: 0 for any that is free.

    Attributes:
        requests: Bodies it was sent, in order.
        headers: Of the last request.
    """

    def __init__(
        self,
        table: Mapping[tuple[str, str], Graded],
        script: Iterable[str] = (),
        *,
        schema: bool = True,
        retry_after_s: float = 0.05,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        self.table = table
        self.script = deque(script)
        self.schema = schema
        self.retry_after_s = retry_after_s
        self.requests: list[dict[str, Any]] = []
        self.headers: dict[str, str] = {}
        self.closing = Event()
        self._http = _Http((host, port), _Handler, self)
        self._thread = Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)

    @property
    def url(self) -> str:
        """Of its API."""
        host, port = self._http.server_address[:2]
        return f"http://{host!s}:{port}/v1"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.closing.set()
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()

    def reply(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Answer a request from the table."""
        text = body["messages"][-1]["content"]
        query = match[1] if (match := _QUERY.search(text)) else ""
        found = [self.table.get((query, told)) for _, told in _PRODUCT.findall(text)]
        if body.get("logprobs"):
            return _choice(*_spelled(found[0] if found else None))
        system = body["messages"][0]["content"]
        if f"{CONCLUSION}: <" in system:
            return _choice(_reasoned(found[0] if found else None))
        return _choice(_written(found, several='{"grades"' in system))


class _Http(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(
        self, address: tuple[str, int], handler: type["_Handler"], owner: TableServer
    ) -> None:
        self.owner = owner
        super().__init__(address, handler)

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of clients that are gone."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body in one piece
    server: _Http

    def do_POST(self) -> None:
        owner = self.server.owner
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        owner.requests.append(body)
        owner.headers = {name.lower(): value for name, value in self.headers.items()}
        step = owner.script.popleft() if owner.script else "ok"
        if step in {"hang", "disconnect"}:
            if step == "hang":
                owner.closing.wait()
            self.close_connection = True
        elif step == "not-json":
            self._send(200, b"<html>the gateway says hello", {})
        elif step in CHOICES:
            self._tell(200, {"choices": CHOICES[step], "usage": _usage(2)})
        else:
            self._answer(owner, STATUSES.get(step, 200), body)

    def _answer(self, owner: TableServer, status: int, body: Mapping[str, Any]) -> None:
        if status == STATUSES["rate-limit"]:
            waiting = {"retry-after": f"{owner.retry_after_s:g}"}
            self._tell(status, {"error": {"message": "slow down"}}, waiting)
        elif status != 200:  # noqa: PLR2004 OK
            self._tell(status, {"error": {"message": f"told to answer {status}"}})
        elif not owner.schema and "response_format" in body:
            self._tell(400, {"error": {"message": "response_format is not known here"}})
        else:
            self._tell(200, owner.reply(body))

    def _tell(self, status: int, told: object, headers: Mapping[str, str] | None = None) -> None:
        self._send(status, json.dumps(told).encode(), headers or {})

    def _send(self, status: int, data: bytes, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 as inherited
        """Keep quiet."""


def _written(found: Sequence[Graded | None], *, several: bool) -> str:
    if several:
        grades = {str(n): each.grade for n, each in enumerate(found, start=1) if each}
        return json.dumps({"grades": grades})
    known = found[0] if found else None
    return json.dumps({"grade": known.grade}) if known else _UNKNOWN


def _reasoned(known: Graded | None) -> str:
    if known is None:
        return _UNKNOWN
    steps = tuple(Step(aspect, Verdict.UNSPECIFIED) for aspect in ASPECTS)
    return known.reason or str(Chain(steps, known.grade))


def _spelled(known: Graded | None) -> tuple[str, list[dict[str, Any]]]:
    """Return one token, and the candidates for it."""
    shares = (known.probabilities or {known.grade: 1.0}) if known else {"I": 0.01, " know": 0.99}
    listed = [
        {"token": token, "logprob": math.log(share)}
        for token, share in sorted(shares.items(), key=lambda each: -each[1])
        if share > 0
    ]
    first = str(listed[0]["token"]) if known else " know"
    return first, [{"token": first, "logprob": listed[0]["logprob"], "top_logprobs": listed}]


def _choice(content: str, logprobs: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    choice: dict[str, Any] = {
        "message": {"role": "assistant", "content": content},
        "finish_reason": "stop" if logprobs is None else "length",
    }
    if logprobs is not None:
        choice["logprobs"] = {"content": logprobs}
    return {"object": "chat.completion", "choices": [choice], "usage": _usage(len(content) // 4)}


def _usage(completion: int) -> dict[str, int]:
    return {"prompt_tokens": 100, "completion_tokens": max(1, completion)}


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve a table until interrupted; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m qrmiddleware.distill.teachers.table_server",
        description="An OpenAI-compatible endpoint that answers from a table.",
        epilog="Behaviours: " + ", ".join(BEHAVIOURS),
    )
    parser.add_argument("table", type=Path, help="JSON lines: query, text, grade, probabilities.")
    parser.add_argument("--port", type=int, default=8000, help="Where it listens on 127.0.0.1.")
    parser.add_argument("--first", default="", help="What it does first, such as rate-limit,prose.")
    told = parser.parse_args(arguments)
    script = [step for step in told.first.split(",") if step]
    if unknown := [step for step in script if step not in BEHAVIOURS]:
        parser.error(f"--first {unknown[0]}: choose from {', '.join(BEHAVIOURS)}")
    try:
        table = read_table(told.table)
        with TableServer(table, script, port=told.port) as server:
            sys.stdout.write(f"answering for {len(table)} pairs at {server.url}\n")
            sys.stdout.flush()
            server.closing.wait()
    except KeyboardInterrupt:
        return 0
    except (QrmError, OSError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())

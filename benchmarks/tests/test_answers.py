import json
from contextlib import contextmanager, nullcontext
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from qrmiddleware_benchmarks.answers import AnswerError, check_answers
from qrmiddleware_benchmarks.arms import ArmSpec, Direct
from qrmiddleware_benchmarks.fronts import Arm, Running
from qrmiddleware_benchmarks.load import Target
from qrmiddleware_benchmarks.searches import search_request

ASKED = [search_request(f"/{number}", b"{}") for number in range(3)]


def reply(*ids, **more):
    return json.dumps({"took": 1, "hits": {"hits": [{"_id": each} for each in ids]}, **more})


@contextmanager
def answering(text, *, status=200, **spec):
    """An arm that always answers this."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            self.rfile.read(int(self.headers["content-length"]))
            body = text.encode()
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    Thread(target=server.serve_forever, daemon=True).start()
    target = Target("127.0.0.1", server.server_port, ASKED)
    spec = ArmSpec(front=Direct(), **spec)
    try:
        yield Arm("other", spec, target, lambda: nullcontext(Running()))
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(
    ("answers", "text"),
    [
        ("same", reply("a", "b")),
        ("same", reply("a", "b", took=7)),
        ("reordered", reply("b", "a")),
        ("found", reply("c")),
    ],
)
def test_answers_that_an_arm_may_give_are_accepted(answers, text):
    with answering(reply("a", "b")) as first, answering(text, answers=answers) as arm:
        assert check_answers([first, arm]) == 3


@pytest.mark.parametrize(
    ("answers", "text", "problem"),
    [
        ("same", reply("b", "a"), "should answer the same,"),
        ("reordered", reply("a"), "the same hits"),
        ("found", reply(), "some hits"),
        ("found", "<html>", "no search reply"),
        ("found", "{}", "no search reply"),
    ],
)
def test_answers_that_an_arm_may_not_give_are_shown(answers, text, problem):
    with (
        answering(reply("a", "b")) as first,
        answering(text, answers=answers) as arm,
        pytest.raises(AnswerError, match=problem),
    ):
        check_answers([first, arm])


def test_a_status_that_is_not_ok_is_shown():
    with (
        answering(reply("a")) as first,
        answering("no", status=503) as arm,
        pytest.raises(AnswerError, match="status 503"),
    ):
        check_answers([first, arm])


def test_an_arm_that_does_not_listen_is_named(free_port):
    arm = Arm(
        "gone",
        ArmSpec(front=Direct()),
        Target("127.0.0.1", free_port, ASKED),
        lambda: nullcontext(Running()),
    )
    with answering(reply("a")) as first, pytest.raises(AnswerError, match="gone cannot be asked"):
        check_answers([first, arm])

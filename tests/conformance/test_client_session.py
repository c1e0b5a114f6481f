import http.server
import threading
from collections import Counter
from collections.abc import Iterator

import pytest
from client_cases import CASES, ClientCase
from client_session import Asked, ask, recording, verdicts_on

CASE = ClientCase("finds", "search", lambda client: client.search(index="a"))


class Server(http.server.BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        found = self.path.startswith("/a/")
        body = b'{"took": 3, "hits": {}}' if found else b'{"error": "none", "status": 404}'
        self.send_response(200 if found else 404)
        kind = "application/vnd.elasticsearch+json;compatible-with=9"
        for name, value in {
            "content-type": kind,
            "content-length": str(len(body)),
            "x-elastic-product": "Elasticsearch",
            "x-qrm-applied": "rewrite",
        }.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *words: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def asked_of(url, call):
    with recording(url) as (client, kept):
        return ask(ClientCase("finds", "search", call), client, kept)


def test_every_call_of_a_case_is_recorded(url):
    asked = asked_of(url, lambda client: [client.search(index="a"), client.count(index="a")])

    assert [answer["call"] for answer in asked.answers] == ["POST /a/_search", "POST /a/_count"]
    assert asked.answers[0]["body"] == {"hits": {}}
    assert asked.noted == {"rewrite": 2}


def test_what_the_client_raises_is_an_answer(url):
    asked = asked_of(url, lambda client: client.search(index="none"))

    assert asked.answers[0]["status"] == 404
    assert asked.answers[1:] == ["raised NotFoundError"]
    assert asked.noted == {"rewrite, 404": 1}


def answered(*bodies):
    return Asked([{"body": body} for body in bodies], Counter(), 1.0)


def test_an_arm_passes_by_answering_as_the_engine_does():
    arms = {"direct": answered(1, 2), "off": answered(1, 2), "identity": answered(1, 3)}

    verdicts = verdicts_on(CASE, arms, answered(1, 2))

    assert verdicts.summary == "..F."
    assert verdicts.differs
    assert verdicts.path == "search/finds"
    assert verdicts.seconds == 4.0
    assert verdicts.outcomes["identity"].reason == ".1.body: 2 and 3"


def test_an_engine_that_does_not_answer_twice_alike_tells_nothing():
    arms = {"direct": answered(1), "off": answered(2), "identity": answered(1)}

    verdicts = verdicts_on(CASE, arms, answered(3))

    assert not verdicts.stable
    assert not verdicts.differs


def test_cases_have_names_of_their_own():
    assert len({case.name for case in CASES}) == len(CASES) > 100

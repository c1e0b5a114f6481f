"""``qrm eval judge`` against a small endpoint in a thread."""

import json
import os
import signal
import subprocess
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest


class Endpoint(BaseHTTPRequestHandler):
    """Says 3 where the query is in the document, 0 elsewhere; misbehaves when it is told to."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body in one piece

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.server.asked.append(body)
        self.server.keys.append(self.headers["authorization"])
        time.sleep(self.server.pause_s)
        status, content = 200, self._judge(body["messages"][1]["content"])
        if self.server.script:
            status, content = self.server.script.pop(0)
        reply = {"choices": [{"message": {"content": content}}]}
        if self.server.tells_tokens:
            reply["usage"] = {"prompt_tokens": 10, "completion_tokens": 2}
        data = json.dumps(reply if status == 200 else {"error": content}).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _judge(self, text):
        query = text.partition("Query: ")[2].partition("\n")[0]
        found = query in text.partition("<document>")[2]
        return json.dumps({"relevance": 3 if found else 0, "reason": "words"})

    def log_message(self, *arguments):
        """Keep quiet."""


@pytest.fixture
def endpoint():
    """An endpoint that listens."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Endpoint)
    server.asked, server.script, server.pause_s, server.tells_tokens = [], [], 0.0, True
    server.keys = []
    server.handle_error = lambda *_: None  # a client that was killed is no news
    server.url = f"http://127.0.0.1:{server.server_port}/v1"
    thread = Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def shop(tmp_path):
    """Thirty judged pairs, half of them relevant, and a pool of six."""
    folder = tmp_path / "shop"
    folder.mkdir()
    numbers = range(30)
    queries = [json.dumps({"id": f"q{n}", "query": f"shoe{n}"}) for n in numbers]
    (folder / "queries.jsonl").write_text("\n".join(queries) + "\n")
    titles = [f"shoe{n} red" if n % 2 else "a hat" for n in numbers]
    products = [json.dumps({"id": f"d{n}", "title": titles[n], "note": "x"}) for n in numbers]
    (folder / "products.jsonl").write_text("\n".join(products) + "\n")
    rows = [f"q{n}\td{n}\t{3 if n % 2 else n % 4}" for n in numbers]
    (folder / "judgments.tsv").write_text("query_id\tproduct_id\tgrade\n" + "\n".join(rows))
    pool = [f"q{n}\tshoe{n}\tp{n}\tshoe{n} or so\t\t" for n in range(6)]
    (tmp_path / "pool.tsv").write_text(
        "query_id\tquery\tdoc_id\ttitle\trelevance\tsource\n" + "\n".join(pool) + "\n"
    )
    return folder


@pytest.fixture
def judge(qrm, shop, endpoint):
    def run(*arguments):
        return qrm(
            "eval", "judge", "pool.tsv", "--data", shop, "--catalogue", shop,
            "--endpoint", endpoint.url, "--model", "m", *arguments,
        )  # fmt: skip

    return run


def test_labels_a_pool_and_says_how_far_to_trust_it(judge, endpoint, tmp_path, monkeypatch):
    monkeypatch.setenv("KEY", "secret")
    meanings = ("--grade", "1=fair", "--grade", "2=good")

    ran = judge("--api-key-env", "KEY", *meanings)

    assert ran.code == 0, ran.err
    assert "wrote pool.judged.tsv: 6 of 6 pairs labelled." in ran.err
    assert "Asked about 36 pairs now (360 + 72 tokens), 0 were known." in ran.err
    assert "agreement with people on 30 pairs of 30 queries" in ran.out
    assert "weighted by squared distance" in ran.out
    assert "how grades met" in ran.out
    assert "Weighted kappa" in ran.out
    (row, *_) = (tmp_path / "pool.judged.tsv").read_text().splitlines()[1:]
    assert row == "q0\tshoe0\tp0\tshoe0 or so\t3\tllm:m:relevance-1"
    agreement = json.loads((tmp_path / "pool.judged.agreement.json").read_text())
    assert agreement["table"][3] == [0, 0, 0, 15]
    assert "note: x" not in endpoint.asked[0]["messages"][1]["content"]


def test_a_second_run_asks_nothing_and_writes_the_same(judge, endpoint, tmp_path):
    judge()
    first = (tmp_path / "pool.judged.tsv").read_bytes()
    endpoint.asked.clear()

    ran = judge()

    assert "36 were known" in ran.err
    assert endpoint.asked == []
    assert (tmp_path / "pool.judged.tsv").read_bytes() == first


def test_a_key_may_come_from_a_file_and_half_an_answer_is_mended(judge, endpoint, tmp_path):
    judge()
    answers = tmp_path / "pool.answers.jsonl"
    answers.write_bytes(answers.read_bytes()[:-20])
    (tmp_path / "key").write_text("from-file\n")

    ran = judge("--api-key-file", "key")

    assert "only half written" in ran.err
    assert "Asked about 1 pairs now" in ran.err
    assert endpoint.keys[-1] == "Bearer from-file"
    assert endpoint.keys[0] is None


def test_without_its_libraries_it_says_what_to_install(judge, endpoint, monkeypatch):
    monkeypatch.setitem(sys.modules, "openai", None)

    ran = judge()

    assert ran.code == 2
    assert "pip install 'qrmiddleware[llm]'" in ran.err
    assert endpoint.asked == []


def test_a_rate_spaces_requests(judge, endpoint):
    started = time.perf_counter()

    ran = judge("--rate", "50", "--concurrency", "36")

    assert ran.code == 0
    assert time.perf_counter() - started >= 0.69  # 36 pairs


def test_a_budget_is_kept_and_the_sample_comes_first(judge, endpoint):
    endpoint.tells_tokens = False

    ran = judge("--most-pairs", "30")

    assert ran.code == 0
    assert len(endpoint.asked) == 30
    assert "0 of 6 pairs labelled" in ran.err
    assert "tokens not told" in ran.err
    assert "6 pairs are beyond --most-pairs" in ran.err
    assert "agreement with people on 30 pairs" in ran.out


def test_what_was_set_aside_is_shown(judge, endpoint):
    endpoint.script = [(200, "It fits [red].")] * 3

    ran = judge("--concurrency", "1")

    assert ran.code == 0
    assert "1 pairs were set aside; --again" in ran.err
    assert "not JSON: 'It fits [red].'" in ran.err


def test_an_endpoint_that_is_down_fails_the_command_and_says_what_to_do(judge, endpoint):
    endpoint.script = [(500, "down")] * 99

    ran = judge("--attempts", "1", "--concurrency", "1")

    assert ran.code == 1
    assert "10 pairs got no answer; the same command asks again" in ran.err
    assert "stopped: 10 pairs in a row got no usable answer" in ran.err
    assert "HTTP 500: down" in ran.err
    assert "no answer to compare with" in ran.err


def test_a_wrong_key_ends_the_command(judge, endpoint):
    endpoint.script = [(401, "bad key")] * 99

    ran = judge()

    assert ran.code != 0
    assert "answered HTTP 401: bad key" in ran.err


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("--api-key-env", "NO_SUCH_KEY"), "the environment has no such variable"),
        (("--endpoint", "nowhere"), "endpoint 'nowhere' is no URL"),
        (("--body", "{"), "--body is not JSON"),
        (("--body", "[]"), "--body is a JSON object"),
        (("--grade", "good=3"), "write NUMBER=MEANING"),
        (("--grade", "9=best"), "grade 9 is not on the collection's scale 0, 1, 2, 3"),
        (("--prompt", "none.md"), "cannot be read as a prompt"),
        (("--out", "labels.xlsx"), "a pool is .tsv"),
    ],
)
def test_what_cannot_work_is_said_before_anything_is_asked(judge, endpoint, arguments, problem):
    ran = judge(*arguments)

    assert ran.code != 0
    assert problem in " ".join(ran.err.split())
    assert endpoint.asked == []


def test_a_catalogue_of_other_documents_cannot_be_compared_with(judge, shop, endpoint):
    (shop / "products.jsonl").write_text('{"id": "other", "title": "x"}\n')

    ran = judge()

    assert ran.code != 0
    assert "has none of the documents that people judged" in " ".join(ran.err.split())


@pytest.mark.slow
def test_a_run_that_is_killed_goes_on_and_comes_to_the_same_file(shop, endpoint, tmp_path):
    def command(folder):
        folder.mkdir()
        (folder / "pool.tsv").write_bytes((tmp_path / "pool.tsv").read_bytes())
        return [
            Path(sys.executable).with_name("qrm"), "eval", "judge", folder / "pool.tsv",
            "--data", shop, "--catalogue", shop, "--endpoint", endpoint.url, "--model", "m",
        ]  # fmt: skip

    subprocess.run(command(tmp_path / "whole"), check=True, capture_output=True)
    killed = command(tmp_path / "killed")
    endpoint.asked.clear()
    endpoint.pause_s = 0.25  # the run cannot end before it is killed
    process = subprocess.Popen(killed, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    while len(endpoint.asked) < 15:
        time.sleep(0.005)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    known = (tmp_path / "killed" / "pool.answers.jsonl").read_text().count("\n")
    endpoint.asked.clear()
    endpoint.pause_s = 0.0

    subprocess.run(killed, check=True, capture_output=True)

    assert 1 <= known < 36
    asked = {json.dumps(body["messages"]) for body in endpoint.asked}
    assert len(asked) == 36 - known  # the killed run's last questions may have come in late
    whole, again = (tmp_path / name / "pool.judged.tsv" for name in ("whole", "killed"))
    assert again.read_bytes() == whole.read_bytes()

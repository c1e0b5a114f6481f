import json
import os
import signal
import subprocess
import sys
import time

import pytest

from qrmiddleware.distill.label_store import read_labels
from qrmiddleware.distill.teachers.table_server import Graded, TableServer, table_key


@pytest.fixture
def label(qrm, pairs, server):
    def run(*arguments):
        return qrm(
            "label", "llm", pairs, "--endpoint", server.url, "--model", "m", *arguments
        )  # fmt: skip

    return run


def test_labels_pairs_and_says_what_it_took(label, server, tmp_path, monkeypatch):
    monkeypatch.setenv("KEY", "secret")

    ran = label("--api-key-env", "KEY", "--price-prompt", "10", "--price-completion", "1000")

    assert ran.code == 0, ran.err
    assert "pairs.labels.jsonl: 12 pairs labelled now, 0 were known" in ran.err
    assert "1,200 + 36 tokens, cost 0.048. Teacher: llm:m:relevance-1:json:" in ran.err
    assert server.headers["authorization"] == "Bearer secret"
    assert "secret" not in ran.err + ran.out
    labels = read_labels(tmp_path / "pairs.labels.jsonl")
    assert sorted((each.doc_id, each.grade) for each in labels)[:2] == [("d0", "E"), ("d1", "S")]


def test_a_second_run_asks_nothing(label, server):
    label("-o", "labels.jsonl")
    server.requests.clear()

    ran = label("-o", "labels.jsonl")

    assert "labels.jsonl: 0 pairs labelled now, 12 were known" in ran.err
    assert server.requests == []


def test_a_dry_run_asks_nobody_and_estimates(label, server, tmp_path):
    ran = label("--dry-run", "--products-per-prompt", "3", "--price-prompt", "1")

    assert "12 pairs, 0 known: 12 to ask about in 4 requests, about" in ran.out
    assert "tokens, at about 0.0" in ran.out
    assert server.requests == []
    assert not (tmp_path / "pairs.labels.jsonl").exists()


def test_a_dry_run_knows_what_is_labelled(label):
    label()

    ran = label("--dry-run")

    assert "12 pairs, 12 known: 0 to ask about in 0 requests, about 0 + 0 tokens" in ran.out
    assert "give prices to see the cost" in ran.out


def test_a_dry_run_says_what_asking_again_may_add(label):
    chain = ("--dry-run", "--mode", "chain", "--price-completion", "1000")

    once, thrice = label(*chain), label(*chain, "--ask-again", "3")
    never, samples = label(*chain, "--ask-again", "0"), label(*chain, "--samples", "5")

    assert "in 12 requests" in once.out
    assert "+ 1,440 tokens, at about 1.44. Asking again" in once.out
    assert "may add at most 12 requests" in once.out
    assert "may add at most 36 requests" in thrice.out
    assert "+ 4,320 tokens, at about 4.32. Tokens" in thrice.out
    assert "Asking again" not in never.out
    assert "in 60 requests" in samples.out
    assert "+ 7,200 tokens, at about 7.2. Tokens" in samples.out


def test_reasons_are_asked_for_again_and_that_is_said(label, server, tmp_path):
    server.script.extend(["prose"] * 3)

    ran = label("--mode", "chain", "--concurrency", "1")

    assert ran.code == 0, ran.err
    assert "11 pairs labelled now" in ran.err
    assert "3 answers could not be read: asked for again, or without a vote" in ran.err
    assert "1 pairs got no label" in ran.err
    assert len(server.requests) == 14
    assert sum(each.unread for each in read_labels(tmp_path / "pairs.labels.jsonl")) == 1


def test_samples_that_agree_are_labels(label, server, tmp_path):
    ran = label("--mode", "chain", "--samples", "3", "--least-agreement", "0.7")

    assert ran.code == 0, ran.err
    assert len(server.requests) == 36
    (label_, *_) = read_labels(tmp_path / "pairs.labels.jsonl")
    assert max(label_.probabilities.values()) == 1.0


def test_bad_answers_are_counted_and_asked_again(label, server):
    server.script.extend(["prose", "refusal"])

    first, second = label(), label()

    assert first.code == 0
    assert (
        "note: 2 pairs got no label; the same command asks again: prose 1, refusal 1" in first.err
    )
    assert "2 pairs labelled now, 10 were known" in second.err


def test_too_many_bad_answers_end_it_with_examples(label, server):
    server.script.extend(["prose"] * 6)

    ran = label("--failure-limit", "0.1")

    assert ran.code == 2
    assert "6 of 12 pairs got no label, more than the limit of 10%: prose 6" in ran.err
    assert "These shoes look great!" in ran.err
    assert "6 pairs labelled now" in ran.err


def test_a_limit_of_cost_ends_it_with_code_1(label, tmp_path):
    ran = label("--price-prompt", "10000", "--cost-limit", "9", "--concurrency", "1")

    assert ran.code == 1
    assert "stopped: the limit of cost, 9, is reached" in ran.err
    assert 0 < len(read_labels(tmp_path / "pairs.labels.jsonl")) < 9


def test_other_classes_gains_and_keys_of_the_request(label, server, tmp_path):
    ran = label(
        "--class", "E=fits:1", "--class", "S=fits a bit:0.5", "--class", "C=no:0", "--class",
        "I=no way:0", "--gain", "S=0.25", "--body", '{"seed": 3}',
    )  # fmt: skip

    assert ran.code == 0, ran.err
    assert server.requests[0]["seed"] == 3
    assert "- S (fits a bit): fits a bit" in server.requests[0]["messages"][0]["content"]
    labels = read_labels(tmp_path / "pairs.labels.jsonl")
    assert {each.grade: each.target for each in labels} == {"E": 1.0, "S": 0.25, "C": 0, "I": 0}


def test_log_probabilities(label, server, tmp_path):
    ran = label("--mode", "logprobs", "--top-logprobs", "5")

    assert ran.code == 0, ran.err
    assert server.requests[0]["top_logprobs"] == 5
    assert read_labels(tmp_path / "pairs.labels.jsonl")[0].probabilities is not None


def test_a_key_may_come_from_a_file(label, server, tmp_path):
    (tmp_path / "key").write_text("from-file\n")

    label("--api-key-file", tmp_path / "key")

    assert server.headers["authorization"] == "Bearer from-file"


def test_without_its_libraries_it_says_what_to_install(label, server, monkeypatch):
    monkeypatch.setitem(sys.modules, "openai", None)

    ran = label()

    assert ran.code == 2
    assert "pip install 'qrmiddleware[llm]'" in ran.err
    assert server.requests == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--api-key-env", "NO_SUCH"], "the environment has no such variable"),
        (["--api-key-file", "none"], "--api-key-file none: cannot be read"),
        (["--api-key-file", "pairs.jsonl"], "expected one key and nothing else"),
        (["--body", "{"], "--body is not JSON"),
        (["--body", "[]"], "--body is a JSON object"),
        (["--gain", "Q=1"], "the classes are E, S, C, I"),
        (["--cost-limit", "1"], "needs prices"),
        (["--mode", "logprobs", "--products-per-prompt", "2"], "one product"),
        (["--samples", "3"], "samples are of reasons"),
    ],
)
def test_what_cannot_work_is_said_before_anybody_is_asked(label, server, arguments, said):
    ran = label(*arguments)

    assert ran.code == 2
    assert said in ran.err
    assert server.requests == []


def test_a_bad_line_is_named_before_anybody_is_asked(label, pairs, server):
    pairs.write_text(pairs.read_text() + '{"query": "a"}\n')

    ran = label()

    assert ran.code == 2
    assert "pairs.jsonl:13: expected" in ran.err
    assert server.requests == []


def start(folder, server, pairs, count=70):
    rows = [json.dumps({"query": f"q{n}", "doc_id": f"d{n}", "text": "Shoe"}) for n in range(count)]
    pairs.write_text("\n".join(rows))
    server.script.extend(["wrong-label", *["ok"] * 3])
    command = [sys.executable, "-m", "qrmiddleware.cli", "label", "llm", pairs]
    options = ["--endpoint", server.url, "--model", "m", "-o", folder / "l.jsonl"]
    return subprocess.Popen(
        [*command, *options, "--requests-per-minute", "240"],
        stderr=subprocess.PIPE,
        text=True,
        cwd=folder,
    )


def wait_for_labels(file, count):
    deadline = time.monotonic() + 30
    while not file.exists() or file.read_bytes().count(b"\n") < count:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_an_interruption_ends_it_in_order_and_it_goes_on_from_there(qrm, pairs, tmp_path):
    table = {table_key(f"q{n}", "Shoe"): Graded("E") for n in range(70)}
    with TableServer(table) as server:
        process = start(tmp_path, server, pairs)
        wait_for_labels(tmp_path / "l.jsonl", 10)

        os.kill(process.pid, signal.SIGINT)
        _, said = process.communicate(timeout=30)

        labelled = len(read_labels(tmp_path / "l.jsonl"))
        answered = len(server.requests)
        arguments = ("--endpoint", server.url, "--model", "m", "-o", "l.jsonl")
        ran = qrm("label", "llm", pairs, *arguments)

    assert 10 <= labelled <= answered < 70
    assert process.returncode == 130
    assert "stopped: interrupted; the same command goes on from here" in said
    assert f"{labelled} pairs labelled now" in said
    assert f"l.jsonl: {70 - labelled} pairs labelled now, {labelled} were known" in ran.err

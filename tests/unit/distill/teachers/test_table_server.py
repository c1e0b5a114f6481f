import json
import signal
import subprocess
import sys
import urllib.request
from urllib.error import HTTPError

import pytest

from qrmiddleware.distill.teachers.table_server import (
    BEHAVIOURS,
    Graded,
    TableServer,
    main,
    read_table,
    table_key,
)
from qrmiddleware.errors import ConfigError

ROW = {"query": "red  shoe", "doc_id": "1", "text": "Shoe,\nred", "grade": "E"}


def ask(url, system="", user="Query: ?", **more):
    messages = [{"role": "system", "content": system}, {"role": "user", "content": user}]
    request = urllib.request.Request(  # noqa: S310 our own server
        f"{url}/chat/completions",
        json.dumps({"model": "m", "messages": messages} | more).encode(),
        {"content-type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=10) as reply:  # noqa: S310 our own server
        return json.loads(reply.read())


def test_a_table_is_read_as_the_prompt_shows_its_texts(tmp_path):
    file = tmp_path / "graded.jsonl"
    file.write_text(json.dumps(ROW | {"probabilities": {"E": 1}}) + "\n\n")

    assert read_table(file) == {("red shoe", "Shoe, red"): Graded("E", {"E": 1})}


@pytest.mark.parametrize("line", ["prose", "[]", '{"query": "a", "text": "b"}'])
def test_a_line_without_a_grade_is_an_error(tmp_path, line):
    (tmp_path / "bad.jsonl").write_text(line)

    with pytest.raises(ConfigError, match=r"bad.jsonl:1: expected an object"):
        read_table(tmp_path / "bad.jsonl")


def test_answers_what_the_table_says():
    with TableServer({table_key("red shoe", "Shoe"): Graded("E")}) as server:
        user = 'Query: red shoe\n\n<product number="1">\nShoe\n</product>'
        told = ask(server.url, user=user)["choices"][0]["message"]["content"]
        unknown = ask(server.url)["choices"][0]["message"]["content"]

    assert told == '{"grade": "E"}'
    assert unknown == "I do not know this product."


def test_misbehaves_as_it_is_told_and_then_behaves():
    with TableServer({}, ["rate-limit", "refusal"], retry_after_s=7) as server:
        with pytest.raises(HTTPError) as raised:
            ask(server.url)
        refused = ask(server.url)
        fine = ask(server.url)

    assert (raised.value.code, raised.value.headers["retry-after"]) == (429, "7")
    raised.value.close()
    assert refused["choices"][0]["message"] == {"refusal": "I cannot help with that."}
    assert fine["usage"]["prompt_tokens"] == 100


def test_the_command_serves_until_it_is_interrupted(tmp_path):
    (tmp_path / "graded.jsonl").write_text(json.dumps(ROW))
    command = [sys.executable, "-m", "qrmiddleware.distill.teachers.table_server"]
    process = subprocess.Popen(
        [*command, tmp_path / "graded.jsonl", "--port", "0"], stdout=subprocess.PIPE, text=True
    )

    said = process.stdout.readline()
    told = ask(said.split()[-1])
    process.send_signal(signal.SIGINT)
    code = process.wait(10)
    process.stdout.close()

    assert said.startswith("answering for 1 pairs at http://127.0.0.1:")
    assert told["object"] == "chat.completion"
    assert code == 0


def test_the_command_says_what_it_cannot_read(tmp_path, capsys):
    assert main([str(tmp_path / "none.jsonl")]) == 2
    assert "cannot be read as a table" in capsys.readouterr().err


def test_the_command_names_its_behaviours(tmp_path, capsys):
    with pytest.raises(SystemExit):
        main([str(tmp_path / "x"), "--first", "sulk"])

    said = capsys.readouterr().err
    assert [each for each in BEHAVIOURS if each not in said] == []

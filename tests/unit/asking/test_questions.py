import json

import pytest

from qrmiddleware.asking.endpoint import EndpointOptions
from qrmiddleware.asking.errors import EndpointError, UnansweredError
from qrmiddleware.asking.questions import Manner, UnreadableError, ask_all
from qrmiddleware.distill.teachers.table_server import TableServer
from qrmiddleware.errors import ConfigError


class Echo(TableServer):
    """Answers with the last word that it was asked, in upper case."""

    def reply(self, body):
        content = body["messages"][0]["content"].upper()
        return {
            "choices": [{"message": {"content": content}}],
            "usage": {"prompt_tokens": 3, "completion_tokens": 1},
        }


def questions(*words):
    return [[{"role": "user", "content": word}] for word in words]


def read(content):
    if "BAD" in content or content != content.upper():
        problem = "not in upper case"
        raise UnreadableError(problem)
    return content


@pytest.fixture
def ask(tmp_path):
    def run(server, *words, file="answers.jsonl", url=None, **told):
        told = {"concurrency": 1} | told
        options = EndpointOptions(url or server.url, attempts=1, backoff_s=0.001, timeout_s=5.0)
        where = tmp_path / file if file else None
        return ask_all(
            questions(*words), read, endpoint=options, manner=Manner("m", **told), file=where
        )

    return run


def test_answers_stand_in_the_order_of_their_questions(ask):
    with Echo({}) as server:
        told = ask(server, "a", "b", "a")

    assert told.answers == ("A", "B", "A")
    assert (told.asked, told.remembered) == (2, 0)
    assert (told.prompt_tokens, told.completion_tokens) == (6, 2)
    assert server.requests[0] == {
        "model": "m",
        "messages": [{"role": "user", "content": "a"}],
        "temperature": 0,
    }


def test_what_was_answered_is_not_asked_again(ask):
    with Echo({}) as server:
        ask(server, "a", "b")
        told = ask(server, "a", "b", "c")

        assert len(server.requests) == 3

    assert told.answers == ("A", "B", "C")
    assert (told.asked, told.remembered) == (1, 2)


def test_another_model_is_asked_anew(ask):
    with Echo({}) as server:
        ask(server, "a")
        told = ask(server, "a", body={"temperature": None, "max_tokens": 5})

        assert server.requests[1] == {
            "model": "m",
            "messages": [{"role": "user", "content": "a"}],
            "max_tokens": 5,
        }
    assert told.asked == 1


def test_what_cannot_be_read_is_asked_once_more_then_counted(ask):
    with Echo({}, ["prose"]) as server:
        told = ask(server, "a", "bad")

    assert told.answers == ("A", None)
    assert told.problems == {"not in upper case": 1}
    retried = server.requests[1]["messages"]
    assert [message["role"] for message in retried] == ["user", "assistant", "user"]
    assert "not in upper case" in retried[-1]["content"]
    with Echo({}) as server:
        again = ask(server, "bad")
        assert server.requests == []
    assert (again.remembered, again.problems) == (1, {"not in upper case": 1})


def test_an_endpoint_that_fails_costs_its_questions_and_they_are_asked_again(ask):
    with Echo({}, ["ok", "server-error", "rejected"]) as server:
        told = ask(server, "a", "b", "c", "d")

    assert told.answers == ("A", None, None, "D")
    assert told.problems == {"server error": 1, "refused": 1}
    with Echo({}) as server:
        assert ask(server, "a", "b", "c", "d").answers == ("A", "B", "C", "D")
        assert len(server.requests) == 2


def test_it_gives_up_where_nobody_answers_any_more(ask):
    with Echo({}, ["ok", *["server-error"] * 9]) as server:
        told = ask(server, *"abcdefgh", give_up_after=3)

    assert told.answers[0] == "A"
    assert "3 questions in a row" in told.stopped
    assert told.problems == {"server error": 3, "not asked": 4}


def test_no_more_is_asked_than_allowed(ask):
    with Echo({}) as server:
        told = ask(server, "a", "b", "c", most=2)

    assert told.answers == ("A", "B", None)
    assert told.problems == {"beyond the limit": 1}


def test_who_will_not_answer_at_all_is_named(ask):
    with Echo({}, ["unauthorized"]) as server, pytest.raises(EndpointError):
        ask(server, "a")
    with pytest.raises(UnansweredError):
        ask(None, "a", url="http://127.0.0.1:9/v1")


def test_a_line_that_was_half_written_is_cut_off_and_one_that_is_none_is_named(ask, tmp_path):
    file = tmp_path / "answers.jsonl"
    with Echo({}) as server:
        ask(server, "a", "b")
        first, second = file.read_text().splitlines()
        file.write_text(f"{first}\n{second[:9]}")

        assert ask(server, "a", "b").asked == 1
        file.write_text(f"{json.dumps({'key': 1})}\n")
        with pytest.raises(ConfigError, match=r"answers.jsonl:1: is no answer"):
            ask(server, "a")


def test_without_a_file_nothing_is_kept(ask, tmp_path):
    with Echo({}) as server:
        assert ask(server, "a", file=None).answers == ("A",)

    assert list(tmp_path.iterdir()) == []

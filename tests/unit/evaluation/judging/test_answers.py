"""Answers that are kept, also when the process is killed while it writes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qrmiddleware.errors import ConfigError
from qrmiddleware.evaluation.judging.answers import Answer, AnswerLog, key_of

ONE = Answer("k1", "q1", "x", "m", "relevance-1", 2, "fits", attempts=1, prompt_tokens=90)
TWO = Answer("k2", "q1", "ü\n", "m", "relevance-1", problem="not JSON: 'ja'", attempts=3)


def write(path, *answers):
    with AnswerLog(path) as log:
        for answer in answers:
            log.add(answer)


def test_knows_what_was_answered_before(tmp_path):
    write(tmp_path / "deep" / "answers.jsonl", ONE, TWO)

    with AnswerLog(tmp_path / "deep" / "answers.jsonl") as log:
        assert log.get("k1") == ONE
        assert log.get("k2") == TWO
        assert log.get("k3") is None


@given(st.integers(1, 150))
def test_half_a_line_is_cut_off_and_asked_again(tmp_path_factory, lost):
    path = tmp_path_factory.mktemp("answers") / "answers.jsonl"
    write(path, ONE, TWO)
    whole = path.read_bytes()
    path.write_bytes(whole[:-lost])

    with AnswerLog(path) as log:
        known = log.get("k1")
        for answer in (ONE, TWO):
            if log.get(answer.key) is None:
                log.add(answer)

    assert known in {ONE, None}
    assert path.read_bytes() == whole


def test_a_later_answer_takes_the_place_of_an_earlier_one(tmp_path):
    better = Answer("k2", "q1", "ü\n", "m", "relevance-1", 1)
    write(tmp_path / "answers.jsonl", TWO, better)

    with AnswerLog(tmp_path / "answers.jsonl") as log:
        assert log.get("k2") == better


def test_says_where_a_file_holds_something_else(tmp_path):
    (tmp_path / "notes.jsonl").write_text('{"a": 1}\n')

    with (
        pytest.raises(ConfigError, match=r"notes.jsonl:1: no answer of a judge"),
        AnswerLog(tmp_path / "notes.jsonl"),
    ):
        pass


def test_says_that_it_cut_something_off(tmp_path):
    write(tmp_path / "answers.jsonl", ONE)
    with (tmp_path / "answers.jsonl").open("ab") as file:
        file.write(b'{"key": "k2"')

    with AnswerLog(tmp_path / "answers.jsonl") as log:
        assert "only half written (12 bytes)" in log.note


def test_half_a_character_does_not_break_the_file(tmp_path):
    write(tmp_path / "answers.jsonl", Answer("k1", "q1", "x", "m", "p", 2, "near \ud83d"))

    with AnswerLog(tmp_path / "answers.jsonl") as log:
        assert log.get("k1").reason == "near ?"


def test_takes_no_answer_before_it_is_open(tmp_path):
    with pytest.raises(ValueError, match="not open"):
        AnswerLog(tmp_path / "answers.jsonl").add(ONE)


def test_the_same_question_has_the_same_key_and_another_has_not():
    assert key_of({"a": 1, "b": [2]}) == key_of({"b": [2], "a": 1})
    assert key_of({"a": 1}) != key_of({"a": 2})

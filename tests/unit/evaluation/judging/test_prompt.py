"""What a judge is asked, and which answers are taken."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qrmiddleware.errors import ConfigError
from qrmiddleware.evaluation.judging.prompt import (
    AnswerError,
    Opinion,
    ask_again,
    load_prompt,
    meanings_for,
    messages_for,
    read_answer,
)
from qrmiddleware.evaluation.pooling import PooledPair

SCALE = (0, 1, 2, 3)
MEANINGS = meanings_for(SCALE, {})


def test_asks_with_the_grades_best_first_and_the_documents_fields():
    pair = PooledPair("q1", "red sofa", "x", {"title": "Sofa $5", "brand": "Acme"})

    system, user = messages_for(load_prompt(), pair, MEANINGS)

    assert system["role"] == "system"
    assert system["content"].index("3: perfect") < system["content"].index("0: poor")
    assert "one of 0, 1, 2, 3" in system["content"]
    assert "Query: red sofa" in user["content"]
    assert "<document>\ntitle: Sofa $5\nbrand: Acme\n</document>" in user["content"]


@given(st.text(), st.text())
def test_any_text_of_query_and_document_is_asked_as_it_stands(query, text):
    (_, user) = messages_for(load_prompt(), PooledPair("q", query, "x", {"t": text}), MEANINGS)

    assert query in user["content"]
    assert text in user["content"]


def test_a_long_field_is_cut():
    pair = PooledPair("q1", "sofa", "x", {"text": "word " * 2000})

    (_, user) = messages_for(load_prompt(), pair, MEANINGS)

    assert len(user["content"]) < 3000


@pytest.mark.parametrize(
    "content",
    [
        '{"reason": "fits", "relevance": 2}',
        '\n```json\n{"reason": "fits", "relevance": 2}\n```\n',
        '```\n{"reason": "fits", "relevance": 2}```',
        '<think>{"relevance": 0} or so</think>\n{"reason": "fits", "relevance": 2}',
    ],
)
def test_takes_an_answer_with_what_models_put_around_it(content):
    assert read_answer(content, SCALE) == Opinion(2, "fits")


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("", "not JSON"),
        ("2", "no object with a relevance"),
        ('I would say {"relevance": 2}', "not JSON"),
        ('{"grade": 2}', "no object with a relevance"),
        ('{"relevance": 4}', "one of 0, 1, 2, 3, not '4'"),
        ('{"relevance": "2"}', "not '\"2\"'"),
        ('{"relevance": 2.0}', "not '2.0'"),
        ('{"relevance": true}', "not 'true'"),
        ('{"relevance": null}', "not 'null'"),
        ("[" * 5000, "not JSON"),
    ],
)
def test_takes_nothing_else(content, problem):
    with pytest.raises(AnswerError, match=problem):
        read_answer(content, SCALE)


@given(st.text() | st.recursive(st.none() | st.integers(), st.lists).map(json.dumps))
def test_an_answer_is_on_the_scale_or_refused(content):
    try:
        opinion = read_answer(content, SCALE)
    except AnswerError:
        return
    assert opinion.relevance in SCALE


def test_half_a_letter_in_a_reason_can_be_kept():
    opinion = read_answer('{"reason": "\\ud800", "relevance": 1}', SCALE)

    assert opinion.reason.encode() == b"?"


def test_asks_again_with_the_answer_and_what_was_wrong():
    messages = messages_for(load_prompt(), PooledPair("q", "sofa", "x"), MEANINGS)

    again = ask_again(messages, "Two!", "not JSON: 'Two!'")

    assert again[:2] == messages
    assert again[2] == {"role": "assistant", "content": "Two!"}
    assert "not JSON: 'Two!'" in again[3]["content"]


def test_a_prompt_of_ones_own_is_named_for_its_file(tmp_path):
    path = tmp_path / "strict-2.md"
    path.write_text("# system\nGrade $grades on $scale.\n# user\n$query? $document!\n")

    prompt = load_prompt(path)

    assert prompt.version == "strict-2"
    assert prompt.user == "$query? $document!"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("Grade it.", "part “# system” lacks"),
        ("# system\n$grades $scale\n# user\n$query\n", r"part “# user” lacks \$document"),
        ("# system\n$grades $scale\n# user\n$query $document costs 5$\n", "part “# user” lacks"),
    ],
)
def test_a_prompt_without_its_places_is_refused(tmp_path, text, problem):
    (tmp_path / "mine.md").write_text(text)

    with pytest.raises(ConfigError, match=problem):
        load_prompt(tmp_path / "mine.md")


def test_a_prompt_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="cannot be read as a prompt"):
        load_prompt(tmp_path / "none.md")


def test_meanings_may_be_given_in_part():
    assert meanings_for((0, 1), {1: "bought"}) == {
        0: "not relevant: not what was asked for",
        1: "bought",
    }


def test_an_unknown_scale_must_be_explained():
    with pytest.raises(ConfigError, match=r"scale is 0, 1, 2: say what 1, 2 mean, such as --grade"):
        meanings_for((0, 1, 2), {0: "no"})


def test_a_meaning_off_the_scale_is_refused():
    with pytest.raises(ConfigError, match="grade 7 is not on the collection's scale 0, 1"):
        meanings_for((0, 1), {7: "great"})

import json
import math
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qrmiddleware.asking.errors import Trouble
from qrmiddleware.distill.classes import ESCI
from qrmiddleware.distill.teachers.answers import (
    AnswerError,
    Completion,
    Reason,
    Verdict,
    read_completion,
    read_grades,
    read_token,
)

JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["choices", "message", "content", "logprobs", "grade", "grades", "1"]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=12,
)


def body(content=None, *, finish="stop", logprobs=None, **message):
    choice = {"message": {"content": content} | message, "finish_reason": finish}
    return {"choices": [choice | ({"logprobs": logprobs} if logprobs else {})]}


def candidates(**shares):
    return tuple((token, math.log(share)) for token, share in shares.items())


def grade(content):
    (found,) = read_grades(Completion(content), ESCI, 1, several=False)
    return found


@pytest.mark.parametrize(
    "content",
    [
        '{"grade": "S"}',
        ' {"grade": "substitute", "more": 1}\n',
        '```json\n{"grade": "s"}\n```',
        '<think>An "E"? {"grade": "E"} no.</think>\n{"grade": "S"}',
    ],
)
def test_a_grade_is_read_from_json_and_nothing_else(content):
    found = grade(content)

    assert isinstance(found, Verdict)
    assert found.grade.code == "S"


def test_a_reason_is_kept():
    found = grade('{"reason": "a sleeve", "grade": "C"}')

    assert isinstance(found, Verdict)
    assert found.reason == "a sleeve"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("S", Reason.PROSE),
        ("The answer is S.", Reason.PROSE),
        ('{"grade": "S"', Reason.HALF_JSON),
        ('```json\n{"grade"', Reason.HALF_JSON),
        ("[" * 100_000, Reason.HALF_JSON),
        ("", Reason.EMPTY),
        ("<think>so</think> ", Reason.EMPTY),
        ("[]", Reason.WRONG_FORM),
        ("3", Reason.WRONG_FORM),
    ],
)
def test_what_is_no_object_is_an_error_with_its_reason(content, reason):
    with pytest.raises(AnswerError) as raised:
        grade(content)

    assert raised.value.reason is reason
    assert len(raised.value.detail) < 150


@pytest.mark.parametrize("told", ['"Q"', "1", '""', '["S"]', "true"])
def test_a_grade_that_is_no_class_is_a_wrong_label(told):
    found = grade(f'{{"grade": {told}}}')

    assert isinstance(found, AnswerError)
    assert found.reason is Reason.WRONG_LABEL
    assert "none of E, S, C, I" in found.detail


def test_an_object_without_a_grade_is_said():
    found = grade('{"label": "S"}')

    assert isinstance(found, AnswerError)
    assert found.reason is Reason.NO_GRADE


def test_each_of_several_products_has_its_own_verdict():
    content = json.dumps({"grades": {"1": "E", "3": "Q", "4": "I"}})

    first, second, third, fourth = read_grades(Completion(content), ESCI, 4, several=True)

    assert isinstance(first, Verdict)
    assert isinstance(fourth, Verdict)
    assert (first.grade.code, fourth.grade.code) == ("E", "I")
    assert isinstance(second, AnswerError)
    assert second.reason is Reason.NO_GRADE
    assert isinstance(third, AnswerError)
    assert third.reason is Reason.WRONG_LABEL


def test_several_products_need_an_object_of_grades():
    with pytest.raises(AnswerError, match="wrong form"):
        read_grades(Completion('{"grades": ["E", "S"]}'), ESCI, 2, several=True)


def test_probabilities_of_spellings_are_summed_and_sum_to_1():
    top = candidates(**{"E": 0.4, " e": 0.2, "S": 0.2, "The": 0.2})

    verdict = read_token(Completion("E", top), ESCI, least=0.5)

    assert verdict.grade.code == "E"
    assert verdict.probabilities == pytest.approx({"E": 0.75, "S": 0.25, "C": 0.0, "I": 0.0})


def test_too_little_probability_on_classes_is_no_label():
    with pytest.raises(AnswerError, match=r"0.30 of the probability .* not on 'The', 'E'"):
        read_token(Completion("The", candidates(The=0.7, E=0.3)), ESCI, least=0.5)


def test_candidates_without_any_class_are_no_label_even_if_nothing_is_asked_of_them():
    with pytest.raises(AnswerError, match="no class token"):
        read_token(Completion("The", (("The", 0.0), ("E", -math.inf))), ESCI, least=0.0)


@given(st.lists(st.tuples(st.sampled_from(["E", " s", "C", "x", ""]), st.floats()), max_size=8))
def test_whatever_the_candidates_a_label_is_a_distribution(top):
    try:
        verdict = read_token(Completion("", tuple(top)), ESCI, least=0.5)
    except AnswerError:
        return

    shares = verdict.probabilities
    assert shares is not None
    assert math.isclose(sum(shares.values()), 1)
    assert shares[verdict.grade.code] == max(shares.values())


def test_the_first_token_that_is_not_blank_counts():
    tokens = [
        {"token": "\n", "logprob": -0.1, "top_logprobs": [{"token": "\n", "logprob": -0.1}]},
        {"token": "E", "logprob": -0.5, "top_logprobs": [{"token": "E", "logprob": -0.5}]},
    ]

    completion = read_completion(body("\nE", finish="length", logprobs={"content": tokens}))

    assert completion.top == (("E", -0.5),)


def test_a_token_without_candidates_is_its_own():
    tokens = [{"token": "E", "logprob": -0.5}]

    assert read_completion(body("E", logprobs={"content": tokens})).top == (("E", -0.5),)


@pytest.mark.parametrize("tokens", [["E"], [{"token": 3}], [{"token": "E"}], "E", None])
def test_log_probabilities_of_another_form_are_none(tokens):
    assert read_completion(body("E", logprobs={"content": tokens})).top is None


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        ({}, Reason.NO_CHOICE),
        (None, Reason.NO_CHOICE),
        ({"choices": []}, Reason.NO_CHOICE),
        ({"choices": [{"message": None}]}, Reason.NO_CHOICE),
        (body(None, refusal="I will not."), Reason.REFUSAL),
        (body("", finish="content_filter"), Reason.CONTENT_FILTER),
        (body("Let me", finish="length"), Reason.CUT_OFF),
    ],
)
def test_a_reply_without_an_answer_is_an_error(told, reason):
    with pytest.raises(AnswerError) as raised:
        read_completion(told)

    assert raised.value.reason is reason


def test_every_trouble_with_an_endpoint_is_a_reason():
    assert [Reason(trouble).value for trouble in Trouble] == [str(trouble) for trouble in Trouble]


@given(JSON)
def test_whatever_a_reply_is_it_is_read_or_refused(told):
    with suppress(AnswerError):
        read_grades(read_completion(told), ESCI, 2, several=True)


@given(JSON)
def test_whatever_an_answer_is_it_is_read_or_refused(told):
    with suppress(AnswerError):
        assert isinstance(grade(json.dumps(told)), (Verdict, AnswerError))

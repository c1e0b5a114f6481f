import pytest
from hypothesis import given
from hypothesis import strategies as st

from qrmiddleware.asking.completions import Reply, first_choice, read_reply, usage_of

JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["choices", "message", "content", "usage", "prompt_tokens"]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=12,
)


def test_the_first_choice_counts():
    choices = [{"message": {"content": content}} for content in ("one", "two")]

    assert first_choice({"choices": choices}) == choices[0]
    assert read_reply({"choices": choices}) == Reply("one")


@pytest.mark.parametrize("content", [None, 3, ["text"]])
def test_content_that_is_no_text_is_empty(content):
    assert read_reply({"choices": [{"message": {"content": content}}]}) == Reply("")


@pytest.mark.parametrize(
    "body", [None, [], {}, {"choices": None}, {"choices": [3]}, {"choices": [{"message": "a"}]}]
)
def test_without_a_choice_there_is_no_reply(body):
    assert read_reply(body) is None


@pytest.mark.parametrize(
    ("body", "tokens"),
    [
        ({"usage": {"prompt_tokens": 7, "completion_tokens": 2}}, (7, 2)),
        ({"usage": {"prompt_tokens": 7, "completion_tokens": "many"}}, (7, None)),
        ({"usage": None}, (None, None)),
        ({}, (None, None)),
        ("prose", (None, None)),
    ],
)
def test_tokens_are_counted_as_the_endpoint_counts(body, tokens):
    assert usage_of(body) == tokens


@given(JSON)
def test_whatever_comes_is_a_reply_or_none(body):
    assert isinstance(read_reply(body), Reply | None)

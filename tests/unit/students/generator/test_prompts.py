import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qrmiddleware.errors import ConfigError
from qrmiddleware.students.generator.prompts import Prompts
from qrmiddleware.students.manifest import Inputs
from qrmiddleware.students.tokens import load_tokenizer


def test_a_prompt_is_the_tokens_of_the_whole_text(tokenizer):
    prompts = Prompts(tokenizer, Inputs(prompt="cd {query} d"))

    assert prompts.tokens(prompts.clean("ab")) == ("cd", "Ġab", "Ġ", "d")


def test_what_every_prompt_begins_with_is_known(tokenizer):
    assert Prompts(tokenizer, Inputs(prompt="cd d {query}")).fixed[:3] == ("cd", "Ġ", "d")
    assert Prompts(tokenizer, Inputs()).fixed == ()


def test_a_query_is_cut_to_its_tokens(tokenizer):
    prompts = Prompts(tokenizer, Inputs(max_query_tokens=3))

    assert prompts.clean("ab cd ab cd ab") == "ab cd ab"


def test_a_query_is_cut_to_what_the_prompt_leaves(tokenizer):
    inputs = Inputs(prompt="cd cd {query}", max_query_tokens=10, max_tokens=5)

    assert Prompts(tokenizer, inputs).clean("ab cd ab cd ab") == "ab cd"


def test_ten_kilobytes_cost_no_more_than_their_beginning(tokenizer):
    prompts = Prompts(tokenizer, Inputs(max_query_tokens=8))

    def seconds():
        start = time.perf_counter()
        assert prompts.clean("ab " * 4_000_000) == "ab ab ab ab ab ab ab ab"
        return time.perf_counter() - start

    assert min(seconds() for _ in range(3)) < 0.5


def test_a_query_cannot_end_its_own_prompt(tokenizer):
    prompts = Prompts(tokenizer, Inputs(prompt="{query} d"))

    assert prompts.clean("ab</s> <pad>cd") == "ab cd"
    assert prompts.clean(" </s>\n") == ""


@given(st.text())
def test_no_query_breaks_its_prompt(tokenizer, query):
    prompts = Prompts(tokenizer, Inputs(max_query_tokens=5))

    text = prompts.clean(query)

    assert "\n" not in text
    assert len(prompts.tokens(text)) <= 5


def test_lone_surrogates_are_no_error(tokenizer):
    assert Prompts(tokenizer, Inputs()).clean("ab \ud83d") == "ab \ufffd"


@pytest.mark.parametrize("prompt", ["", "rewrite", "{query} or {query}"])
def test_a_prompt_without_one_place_for_the_query_is_refused(tokenizer, prompt):
    with pytest.raises(ConfigError, match=r"must hold \{query\} once"):
        Prompts(tokenizer, Inputs(prompt=prompt))


def test_a_prompt_that_leaves_no_room_is_refused(tokenizer):
    with pytest.raises(ConfigError, match="max_tokens is 4, but the prompt alone has 6 tokens"):
        Prompts(tokenizer, Inputs(prompt="ab ab ab ab ab ab{query}", max_tokens=4))


def test_truncation_and_padding_of_the_file_do_not_count(tokenizer, tmp_path):
    tokenizer.enable_truncation(2)
    tokenizer.enable_padding(length=9)
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()

    loaded = load_tokenizer(tmp_path / "tokenizer.json")

    assert loaded.encode("ab cd ab").tokens == ["ab", "Ġcd", "Ġab"]


def test_a_file_that_is_no_tokenizer_is_named(tmp_path):
    (tmp_path / "tokenizer.json").write_text("{}", encoding="utf-8")

    with pytest.raises(ConfigError, match=r"tokenizer\.json is no tokenizer"):
        load_tokenizer(tmp_path / "tokenizer.json")

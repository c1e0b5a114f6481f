import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qrmiddleware.errors import ConfigError
from qrmiddleware.students.generator.terms import Terms, read_terms


def spelt(terms, *, longest):
    """Every sequence of tokens that the terms permit, found by trying."""
    found, states = set(), [((), terms.start)]
    while states:
        tokens, state = states.pop()
        if terms.may_end(state):
            found.add(tokens)
        if len(tokens) < longest:
            states += [
                ((*tokens, int(t)), terms.follow(state, int(t))) for t in terms.allowed(state)
            ]
    return found


def combined(first, later, *, longest):
    """The same, by joining whole terms."""
    found = set()
    for count in range(1, longest + 1):
        for head in {*first, *later}:
            for tail in itertools.product(later, repeat=count - 1):
                tokens = tuple(itertools.chain(head, *tail))
                if len(tokens) <= longest:
                    found.add(tokens)
    return found


PATHS = st.sets(
    st.lists(st.integers(0, 4), min_size=1, max_size=3).map(tuple), min_size=1, max_size=6
)


@given(PATHS, PATHS)
def test_exactly_the_sequences_of_whole_terms_are_permitted(first, later):
    assert spelt(Terms(first, later), longest=4) == combined(first, later, longest=4)


@given(PATHS, PATHS)
def test_every_token_is_offered_once(first, later):
    terms = Terms(first, later)
    states = {terms.start}
    for _ in range(4):
        states |= {terms.follow(s, int(t)) for s in states for t in terms.allowed(s)}

    for state in states:
        offered = terms.allowed(state).tolist()
        assert len(offered) == len(set(offered))


def test_a_term_is_spelt_with_and_without_the_blank_before_it(tokenizer):
    ids = tokenizer.get_vocab()

    terms = Terms.of(["ab", "abc"], tokenizer, ids)

    texts = {tokenizer.decode(list(tokens)).strip() for tokens in spelt(terms, longest=4)}
    assert texts >= {"ab", "abc", "ab ab", "ab abc", "abc ab", "abc abc", "ab ab ab"}
    assert {word for text in texts for word in text.split()} == {"ab", "abc"}


def test_terms_of_several_words_stay_together(tokenizer):
    terms = Terms.of(["ab cd"], tokenizer, tokenizer.get_vocab())

    assert {tokenizer.decode(list(t)).strip() for t in spelt(terms, longest=4)} == {
        "ab cd",
        "ab cd ab cd",
    }


def test_terms_that_the_student_cannot_write_are_skipped_and_told(tokenizer):
    terms = Terms.of(["ab", "größe", "日本", "", " ab "], tokenizer, tokenizer.get_vocab())

    assert terms.skipped == ("größe", "日本")


def test_no_term_that_can_be_written_is_an_error(tokenizer):
    with pytest.raises(ConfigError, match="can write none of 2 terms"):
        Terms.of(["xyz", "🙂"], tokenizer, tokenizer.get_vocab())


def test_terms_are_read_one_a_line_and_once(tmp_path):
    (tmp_path / "terms.txt").write_text("shoe\r\n\n boot \nshoe\n", encoding="utf-8")

    assert read_terms(tmp_path / "terms.txt") == ("shoe", "boot")


@pytest.mark.parametrize(
    ("data", "found"),
    [(b"\n \n", "holds no term"), (b"\xff\xfe", "one a line is needed"), (None, "No such")],
)
def test_a_file_without_terms_is_named(tmp_path, data, found):
    if data is not None:
        (tmp_path / "terms.txt").write_bytes(data)

    with pytest.raises(ConfigError, match=rf"terms\.txt.*{found}"):
        read_terms(tmp_path / "terms.txt")

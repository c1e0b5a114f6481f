import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from qrmiddleware.dsl.uri import (
    Parameters,
    has_password,
    join_target,
    split_target,
    without_password,
)

QUERY_STRINGS = st.text(st.sampled_from("abq=&+%20%zz%C3%A9?;/*é"), max_size=30) | st.text()


@given(QUERY_STRINGS)
@example("a=1&&b=2")
@example("&")
@example("a=1&")
@example("q=%ff&=x&flag")
def test_what_is_parsed_is_written_byte_for_byte(query_string):
    assert str(Parameters.parse(query_string)) == query_string


@given(QUERY_STRINGS, st.sets(st.text(max_size=3)))
def test_taking_out_leaves_the_others_as_they_came(query_string, names):
    parameters = Parameters.parse(query_string)

    rest = parameters.without(names)

    assert rest.pairs == tuple(pair for pair in parameters.pairs if pair[0] not in names)
    assert not rest.any_of(names)


def test_values_are_decoded_and_the_last_of_a_name_wins():
    parameters = Parameters.parse("q=red+shoe&q=blue%20shoe&size=5")

    assert parameters.get("q") == "blue shoe"
    assert parameters.get("size") == "5"
    assert parameters.get("from") is None


@pytest.mark.parametrize(
    ("query_string", "on"),
    [
        ("pretty", True),
        ("pretty=", True),
        ("pretty=true", True),
        ("pretty=false", False),
        ("", False),
    ],
)
def test_a_bare_flag_is_on(query_string, on):
    assert Parameters.parse(query_string).flag("pretty") is on


def test_names_are_compared_decoded():
    assert str(Parameters.parse("fi%6Cter_path=took&size=1").without({"filter_path"})) == "size=1"


def test_undecodable_bytes_do_not_raise():
    assert Parameters.parse("q=%ff").get("q") == "\ufffd"


@given(st.text(st.sampled_from("/ab%2F*,-"), max_size=12), QUERY_STRINGS.filter(bool))
def test_a_target_is_put_together_as_it_was_split(path, query_string):
    assert split_target(f"{path}?{query_string}") == (path, query_string)
    assert join_target(path, Parameters.parse(query_string)) == f"{path}?{query_string}"


def test_without_parameters_there_is_no_question_mark():
    assert join_target("/_search", Parameters.parse("")) == "/_search"


@pytest.mark.parametrize(
    ("url", "shown", "held"),
    [
        ("http://me:hush@host:9200/a", "http://…@host:9200/a", True),
        ("http://me:p@ss@host", "http://…@host", True),
        ("redis://:hush@host", "redis://…@host", True),
        ("http://me@host", "http://…@host", False),
        ("http://host:9200/a@b", "http://host:9200/a@b", False),
        ("http://host/?q=a:b@c", "http://host/?q=a:b@c", False),
    ],
)
def test_passwords_in_urls_are_found_and_left_out(url, shown, held):
    assert without_password(url) == shown
    assert has_password(url) is held

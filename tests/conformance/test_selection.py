import pytest
from selection import in_short_form
from yaml_suite import Case


def case(group="search", **search):
    return Case(group, "file", "name", (), (("do", {"search": search}),), ())


@pytest.mark.parametrize(
    "search",
    [
        {"body": {"query": {"match": {"title": "red"}}}},
        {"body": '{"query": {"match": {"title": "red"}}}'},
        {"body": [{"index": "a"}, {"query": {"match": {"title": "red"}}}]},
        {"q": "red"},
    ],
)
def test_a_text_search_belongs_to_the_short_form(search):
    assert in_short_form(case(**search))


@pytest.mark.parametrize(
    "search",
    [{}, {"body": {"query": {"match_all": {}}}}, {"body": "{"}, {"q": "title:red"}],
)
def test_other_searches_do_not(search):
    assert not in_short_form(case(**search))


def test_every_case_of_the_search_apis_does():
    assert in_short_form(case(group="scroll"))

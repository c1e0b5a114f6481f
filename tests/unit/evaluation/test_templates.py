import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qrmiddleware.errors import ConfigError
from qrmiddleware.evaluation.templates import body_template, fields_template


def template(tmp_path, body):
    path = tmp_path / "body.json"
    path.write_text(body if isinstance(body, str) else json.dumps(body), encoding="utf-8")
    return body_template(path)


def test_fields_make_a_multi_match_over_the_whole_depth():
    made = fields_template(["title^2", "description"])

    assert json.loads(made.fill("red shoe", depth=1000)) == {
        "query": {
            "multi_match": {
                "query": "red shoe",
                "fields": ["title^2", "description"],
                "type": "best_fields",
            }
        },
        "size": 1000,
        "_source": False,
    }


def test_type_and_operator_of_the_multi_match_can_be_chosen():
    made = fields_template(["title"], match_type="cross_fields", operator="and")

    clause = json.loads(made.fill("red", depth=10))["query"]["multi_match"]
    assert (clause["type"], clause["operator"]) == ("cross_fields", "and")
    assert made.origin == "multi_match cross_fields and on title"


@pytest.mark.parametrize(
    ("fields", "options", "problem"),
    [
        ([], {}, "name at least one"),
        (["title", " "], {}, "name at least one"),
        (["title"], {"match_type": "best"}, "'best' is none of best_fields, most_fields"),
        (["title"], {"operator": "xor"}, "neither 'and' nor 'or'"),
    ],
)
def test_a_multi_match_that_no_engine_knows_is_refused(fields, options, problem):
    with pytest.raises(ConfigError, match=problem):
        fields_template(fields, **options)


@given(text=st.text())
def test_any_text_stands_in_the_body_as_it_was_typed(text, tmp_path_factory):
    folder = tmp_path_factory.mktemp("body")
    made = template(folder, {"query": {"match": {"title": "{{query}}"}}})

    filled = json.loads(made.fill(text.encode(errors="replace").decode(), depth=10))

    assert filled["query"]["match"]["title"] == text.encode(errors="replace").decode()


def test_the_text_goes_to_every_place_and_into_the_middle_of_strings(tmp_path):
    made = template(
        tmp_path,
        {
            "query": {"query_string": {"query": "title:({{query}})"}},
            "rescore": [{"query": {"rescore_query": {"match": {"title": "%SearchText%"}}}}],
            "track_total_hits": True,
        },
    )

    filled = json.loads(made.fill('7" {{query}}', depth=10))

    assert filled["query"]["query_string"]["query"] == 'title:(7" {{query}})'
    assert filled["rescore"][0]["query"]["rescore_query"]["match"]["title"] == '7" {{query}}'
    assert filled["track_total_hits"] is True


def test_the_page_of_the_template_gives_way_to_the_depth(tmp_path):
    made = template(
        tmp_path, {"from": 24, "size": 12, "_source": ["price"], "query": {"q": "{{query}}"}}
    )

    filled = json.loads(made.fill("x", depth=100, fetched=["title"]))

    assert filled == {"query": {"q": "x"}, "size": 100, "_source": ["title"]}


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ({"query": {"match": {"title": "shoe"}}}, r"no place for the text: write \{\{query\}\}"),
        ({"{{query}}": {}}, "no place for the text"),
        ('{"query": {"match": {"title": {{query}}}}}', "not JSON: .* inside a string"),
        (["{{query}}"], "a search body is an object, this is a list"),
    ],
)
def test_a_body_without_a_place_for_the_text_is_refused(tmp_path, body, problem):
    with pytest.raises(ConfigError, match=problem):
        template(tmp_path, body)


def test_a_body_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"absent\.json: No such file"):
        body_template(tmp_path / "absent.json")

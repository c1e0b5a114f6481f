import pytest


@pytest.fixture
def highlight(search):
    """The highlights of each hit."""

    def highlight(query, fields, **options):
        body = {"query": query, "highlight": {"fields": fields, **options}}
        return {h["_id"]: h.get("highlight") for h in search(body)["hits"]["hits"]}

    return highlight


def test_words_that_were_searched_for_are_marked(highlight):
    found = highlight({"match": {"title": "black laptop"}}, {"title": {}})

    assert found["1"] == {"title": ["<em>black</em> <em>laptop</em>"]}
    assert found["2"] == {"title": ["<em>laptop</em> bag"]}


def test_stems_fuzzy_words_and_prefixes_are_marked_as_they_stand(highlight):
    assert highlight({"match": {"description": "running"}}, {"description": {}})["2"] == {
        "description": ["Carries laptops while you <em>run</em>."]
    }
    fuzzy = {"match": {"title": {"query": "lapdop", "fuzziness": "AUTO"}}}
    assert highlight(fuzzy, {"title": {}})["2"] == {"title": ["<em>laptop</em> bag"]}
    prefix = {"match_bool_prefix": {"title": "lap"}}
    assert highlight(prefix, {"title": {}})["2"] == {"title": ["<em>laptop</em> bag"]}


def test_tags_patterns_and_foreign_terms(highlight):
    query = {"match": {"title": "red"}}

    found = highlight(
        query,
        {"title": {}, "desc*": {"require_field_match": False}},
        pre_tags=["["],
        post_tags=["]"],
    )

    assert found["4"]["title"] == ["phone case [red]"]
    assert found["4"]["description"] == ["Protects phones. Very slim. [Red] as well."]


def test_fragments_are_sentences_of_about_the_size(highlight):
    query = {"match": {"description": "phones slim red"}}

    small = highlight(query, {"description": {"fragment_size": 12}})["4"]["description"]
    one = highlight(query, {"description": {"fragment_size": 12, "number_of_fragments": 1}})
    best = highlight(query, {"description": {"fragment_size": 30, "order": "score"}})
    whole = highlight(query, {"description": {"number_of_fragments": 0}})["4"]["description"]

    assert small == ["Protects <em>phones</em>.", "Very <em>slim</em>.", "<em>Red</em> as well."]
    assert len(one["4"]["description"]) == 1
    assert best["4"]["description"][0] == "Protects <em>phones</em>. Very <em>slim</em>."
    assert whole == ["Protects <em>phones</em>. Very <em>slim</em>. <em>Red</em> as well."]


def test_text_without_a_match_is_shown_if_asked_for(highlight):
    query = {"match": {"title": "laptop"}}

    assert highlight(query, {"description": {}})["1"] is None
    found = highlight(query, {"description": {"no_match_size": 9}})
    assert found["1"] == {"description": ["A running"]}


def test_markup_of_the_text_is_escaped_if_asked_for(ask):
    ask("PUT", "/docs/_doc/1", {"t": "<b>word</b> & more"})
    body = {
        "query": {"match": {"t": "word"}},
        "highlight": {"encoder": "html", "fields": {"t": {}}},
    }

    _, reply = ask("POST", "/docs/_search", body)

    marked = reply["hits"]["hits"][0]["highlight"]["t"]
    assert marked == ["&lt;b&gt;<em>word</em>&lt;/b&gt; &amp; more"]


@pytest.mark.parametrize(
    ("asked", "problem"),
    [
        (5, "must be an object"),
        ({"fields": {"title": {"type": "fvh"}}}, "fvh"),
        ({"fields": {}, "highlight_query": {}, }, ""),
        ({"fields": {"title": {"matched_fields": ["x"]}}}, "matched_fields"),
    ],
)  # fmt: skip
def test_other_highlighting_is_refused(window, asked, problem):
    status, reply = window("POST", "/shop/_search", {"highlight": asked})

    assert (status == 200 and not problem) or problem in reply["error"]["reason"]

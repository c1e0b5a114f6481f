"""What is made of a catalogue's fields."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qrmiddleware.errors import ConfigError
from qrmiddleware.evaluation.collection import Document
from qrmiddleware.evaluation.mapping import index_body, read_index_body, text_fields

SAMPLE = [
    Document(
        "1",
        {
            "title": "Lamp",
            "tags": ["a", "b"],
            "price": 9,
            "stock": 3,
            "new": True,
            "attributes": {"colour": "red", "size": {"cm": 3}},
            "nothing": None,
            "mixed": "5",
        },
    ),
    Document("2", {"price": 9.5, "mixed": 5, "variants": [{"colour": "blue"}]}),
]


def properties(**options):
    return index_body(SAMPLE, analyzer="english", **options)["mappings"]["properties"]


def test_every_field_is_mapped_by_its_values():
    assert {name: field["type"] for name, field in properties().items()} == {
        "title": "text",
        "tags": "text",
        "price": "double",
        "stock": "long",
        "new": "boolean",
        "attributes": "object",
        "mixed": "keyword",
        "variants": "object",
    }


def test_text_has_the_analyzer_and_is_a_keyword_too():
    assert properties()["title"] == {
        "type": "text",
        "analyzer": "english",
        "fields": {"keyword": {"type": "keyword", "ignore_above": 256}},
    }


def test_other_words_are_keywords_if_text_fields_are_named():
    found = properties(text_fields=["title"])

    assert found["title"]["type"] == "text"
    assert found["tags"] == {"type": "keyword", "ignore_above": 256}


def test_a_text_field_may_be_inside_objects():
    found = properties(text_fields=["attributes.colour", "attributes.size.cm", "variants.colour"])

    inside = found["attributes"]["properties"]
    assert found["attributes"]["dynamic"] is False
    assert inside["colour"]["type"] == "text"
    assert inside["size"]["properties"]["cm"]["type"] == "text"
    assert found["variants"]["properties"]["colour"]["analyzer"] == "english"


def test_text_fields_are_found_at_any_depth():
    body = index_body(SAMPLE, analyzer="standard", text_fields=["title", "attributes.size.cm"])

    assert list(text_fields(body["mappings"])) == ["title", "attributes.size.cm"]


def test_a_text_field_that_no_document_has_is_refused():
    with pytest.raises(
        ConfigError, match=r"first 2 documents has a field 'titel'; they have attrib"
    ):
        properties(text_fields=["titel"])


def test_fields_that_nobody_has_seen_are_not_mapped():
    body = index_body(SAMPLE, analyzer="standard")

    assert body["mappings"]["dynamic"] is False
    assert body["settings"] == {"number_of_shards": 1, "number_of_replicas": 0}


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=5,
)


@given(st.lists(st.dictionaries(st.sampled_from("abc"), values), min_size=1, max_size=4))
def test_any_catalogue_can_be_mapped(sources):
    documents = [Document(str(n), source) for n, source in enumerate(sources)]

    body = index_body(documents, analyzer="standard")

    assert all("type" in field for field in body["mappings"]["properties"].values())
    json.dumps(body)


def test_reads_a_body_or_mappings_alone(tmp_path):
    file = tmp_path / "index.json"
    mappings = {"properties": {"title": {"type": "text"}}}
    settings = {"number_of_shards": 3}
    file.write_text(json.dumps(mappings))

    assert read_index_body(file)["mappings"] == mappings
    assert read_index_body(file)["settings"]["number_of_shards"] == 1
    file.write_text(json.dumps({"settings": settings, "mappings": mappings}))
    assert read_index_body(file) == {"settings": settings, "mappings": mappings}


@pytest.mark.parametrize("text", ["{", "[]", '{"settings": {}}', '{"mappings": 1}'])
def test_another_file_is_refused(tmp_path, text):
    (tmp_path / "index.json").write_text(text)

    with pytest.raises(ConfigError, match=r"index\.json: (expected|cannot be read)"):
        read_index_body(tmp_path / "index.json")

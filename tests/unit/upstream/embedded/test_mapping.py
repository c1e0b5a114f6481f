import pytest

from qrmiddleware.upstream.embedded.analysis import Analysis
from qrmiddleware.upstream.embedded.mapping import IndexMapping
from qrmiddleware.upstream.embedded.problems import ApiError


def make_mapping(properties=None, **options):
    return IndexMapping({"properties": properties or {}, **options}, Analysis())


def test_undeclared_fields_are_learned():
    mapping = make_mapping()

    mapping.read("1", {"a": "x", "b": 1, "c": 1.5, "d": True, "e": "2024-01-01", "f": {"g": ["x"]}})

    types = {path: field.type for path, field in mapping.fields.items()}
    assert types == {
        "a": "text",
        "a.keyword": "keyword",
        "b": "long",
        "c": "float",
        "d": "boolean",
        "e": "date",
        "f.g": "text",
        "f.g.keyword": "keyword",
    }


def test_a_document_is_read_into_flat_values():
    mapping = make_mapping({"tags": {"type": "keyword"}})

    values, present = mapping.read("1", {"tags": ["a", "b"], "o": [{"n": 1}, {"n": [2, None]}]})

    assert values == {"tags": ["a", "b"], "o.n": [1, 2]}
    assert present == {"tags", "o", "o.n"}


def test_dots_in_names_and_objects_are_the_same():
    mapping = make_mapping()

    assert mapping.read("1", {"a.b": 1})[0] == mapping.read("2", {"a": {"b": 1}})[0] == {"a.b": [1]}


def test_keywords_that_are_too_long_are_left_out():
    mapping = make_mapping({"a": {"type": "keyword", "ignore_above": 3}})

    assert mapping.read("1", {"a": ["abc", "abcd"]})[0] == {"a": ["abc"]}


def test_null_value_copy_to_normalizer_and_ignore_malformed_are_kept():
    mapping = make_mapping(
        {
            "a": {"type": "keyword", "null_value": "none", "copy_to": "all"},
            "b": {"type": "keyword", "normalizer": "lowercase"},
            "c": {"type": "long", "ignore_malformed": True},
            "all": {"type": "text"},
        }
    )

    values, _ = mapping.read("1", {"a": [None, "x"], "b": "ABC", "c": "many"})

    assert values == {"a": ["none", "x"], "all": ["x"], "b": ["abc"]}


@pytest.mark.parametrize(
    ("dynamic", "learned"), [(True, True), ("true", True), (False, False), ("false", False)]
)
def test_dynamic_says_whether_fields_are_learned(dynamic, learned):
    mapping = make_mapping(dynamic=dynamic)

    mapping.read("1", {"a": 1})

    assert ("a" in mapping.fields) is learned


def test_a_strict_mapping_refuses_new_fields():
    mapping = make_mapping({"o": {"type": "object", "dynamic": "strict"}})

    mapping.read("1", {"a": 1})
    with pytest.raises(ApiError, match="mapping set to strict"):
        mapping.read("1", {"o": {"b": 1}})


def test_a_disabled_object_is_not_read():
    mapping = make_mapping({"o": {"type": "object", "enabled": False}})

    assert mapping.read("1", {"o": {"b": 1}})[0] == {}
    assert mapping.read("1", {"o": "anything"})[0] == {}


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        ({"n": "many"}, r"failed to parse field \[n\] of type \[long\] .* Preview .* 'many'"),
        ({"n": {"a": 1}}, "found an object"),
        ({"o": 5}, "tried to parse field"),
        ({"t": {"keyword": "x"}}, "found an object"),
        ({" ": 1}, "field name"),
    ],
)
def test_a_document_that_does_not_fit_is_refused(document, problem):
    mapping = make_mapping(
        {
            "n": {"type": "long"},
            "o": {"properties": {"a": {"type": "long"}}},
            "t": {"type": "text", "fields": {"keyword": {"type": "keyword"}}},
        }
    )

    with pytest.raises(ApiError, match=problem):
        mapping.read("1", document)


@pytest.mark.parametrize(
    ("properties", "problem"),
    [
        ({"a": {"type": "geo_point"}}, r"\[geo_point\]"),
        ({"a": {"type": "nested"}}, r"\[nested\]"),
        ({"a": {"type": "text", "analyzer": "german"}}, r"\[german\]"),
        ({"a": {"type": "keyword", "normalizer": "nope"}}, r"\[nope\]"),
        ({"a": {"type": "date", "format": "dd.MM.yy"}}, r"\[dd.MM.yy\]"),
        ({"a": {"type": "text", "similarity": "x"}}, r"\[similarity\]"),
        ({"a": "text"}, "Expected map"),
    ],
)
def test_what_is_not_supported_is_refused_by_name(properties, problem):
    with pytest.raises(ApiError, match=problem):
        make_mapping(properties)


def test_a_field_keeps_its_type():
    mapping = make_mapping({"a": {"type": "text"}})

    with pytest.raises(ApiError, match=r"cannot be changed from type \[text\] to \[keyword\]"):
        mapping.merge({"properties": {"a": {"type": "keyword"}}})
    with pytest.raises(ApiError, match="Cannot update parameter"):
        mapping.merge({"properties": {"a": {"type": "text", "analyzer": "english"}}})
    assert mapping.fields["a"].type == "text"


def test_a_mapping_grows_by_fields_and_multi_fields():
    mapping = make_mapping({"o": {"properties": {"a": {"type": "text"}}}})

    mapping.merge(
        {
            "properties": {
                "o": {"properties": {"a": {"type": "text", "fields": {"raw": {"type": "keyword"}}}}}
            }
        }
    )

    assert set(mapping.fields) == {"o.a", "o.a.raw"}
    assert mapping.fields["o.a.raw"].source == "o.a"


def test_no_more_fields_than_elasticsearch_takes():
    with pytest.raises(ApiError, match="Limit of total fields"):
        make_mapping({f"f{number}": {"type": "long"} for number in range(1001)})

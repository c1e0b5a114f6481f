import pytest

from qrmiddleware.upstream.embedded.analysis import Analysis
from qrmiddleware.upstream.embedded.problems import ApiError


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("Don't TOUCH foo_bar", ["don't", "touch", "foo_bar"]),
        ("wi-fi 13.3 1,000 TN-2110/B", ["wi", "fi", "13.3", "1,000", "tn", "2110", "b"]),
        ("mail@example.com", ["mail", "example.com"]),
        ("a.1 1.a __", ["a", "1", "1", "a"]),
        ("日本語 カタカナ 한국어", ["日", "本", "語", "カタカナ", "한국어"]),
        ("naïve ÉTÉ", ["naïve", "été"]),
        ("", []),
    ],
)
def test_the_standard_analyzer_splits_where_lucene_does(text, terms):
    assert Analysis().analyzer("standard").analyze(text) == terms


@pytest.mark.parametrize(
    ("name", "terms"),
    [
        ("english", ["dog", "run", "hous"]),
        ("simple", ["the", "dog", "s", "running", "in", "houses"]),
        ("stop", ["dog", "s", "running", "houses"]),
        ("whitespace", ["The", "dog's", "running", "in", "2", "houses"]),
        ("keyword", ["The dog's running in 2 houses"]),
    ],
)
def test_analyzers_are_those_of_elasticsearch(name, terms):
    found = Analysis().analyzer(name).analyze("The dog's running in 2 houses")

    assert [term for term in found if term != "2" or name == "whitespace"] == terms


def test_an_index_declares_its_own_analyzer():
    analysis = Analysis(
        {
            "filter": {"my_stem": {"type": "stemmer", "language": "english"}},
            "analyzer": {
                "mine": {
                    "type": "custom",
                    "tokenizer": "whitespace",
                    "filter": ["lowercase", "asciifolding", "my_stem"],
                }
            },
        }
    )

    assert analysis.analyzer("mine").analyze("Café-Bars RUNNING") == ["cafe-bar", "run"]


def test_a_normalizer_changes_a_whole_value():
    analysis = Analysis({"normalizer": {"mine": {"filter": ["lowercase", "asciifolding"]}}})

    assert analysis.normalize("mine", "Été Noir") == "ete noir"
    assert analysis.normalize("lowercase", "Été") == "été"
    assert analysis.normalize("", "Été") == "Été"


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"analyzer": {"mine": {"tokenizer": "edge_ngram"}}}, "edge_ngram"),
        ({"analyzer": {"mine": {"type": "german"}}}, "german"),
        ({"analyzer": {"mine": {"tokenizer": "standard", "filter": ["synonym"]}}}, "synonym"),
        ({"analyzer": {"mine": {"tokenizer": "standard", "char_filter": ["x"]}}}, "char_filter"),
        ({"filter": {"mine": {"type": "stemmer", "language": "german"}}}, "german"),
        ({"filter": {"mine": {"type": "stop", "stopwords": ["x"]}}}, "stopwords"),
        ({"char_filter": {}}, "char_filter"),
    ],
)
def test_what_is_not_supported_is_refused_by_name(settings, named):
    with pytest.raises(ApiError, match=named):
        Analysis(settings)

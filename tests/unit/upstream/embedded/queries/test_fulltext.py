import pytest

FIELDS = ["title", "description"]


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ({"match": {"title": "black laptop"}}, "125"),
        ({"match": {"title": {"query": "black laptop", "operator": "AND"}}}, "1"),
        ({"match": {"title": {"query": "black red phone", "minimum_should_match": 2}}}, "345"),
        ({"match": {"title": {"query": "laptp", "fuzziness": "AUTO"}}}, "12"),
        ({"match": {"title": {"query": "aptop", "fuzziness": 1, "prefix_length": 1}}}, ""),
        ({"match": {"title": "..."}}, ""),
        ({"match": {"title": {"query": "...", "zero_terms_query": "all"}}}, "12345"),
        ({"match": {"description": "laptop runs"}}, "12"),
        ({"match": {"description": {"query": "laptops", "analyzer": "standard"}}}, ""),
        ({"match": {"title.keyword": "laptop bag"}}, "2"),
        ({"match": {"stock": 7}}, "5"),
        ({"match": {"stock": {"query": "many", "lenient": True}}}, ""),
        ({"match": {"nope": "x"}}, ""),
        ({"match_phrase": {"title": "black laptop"}}, "1"),
        ({"match_phrase": {"title": "laptop black"}}, ""),
        ({"match_phrase": {"title": {"query": "laptop black", "slop": 2}}}, "1"),
        ({"match_phrase": {"title": {"query": "phone red", "slop": 1}}}, "4"),
        ({"match_phrase": {"title": "laptop"}}, "12"),
        ({"match_phrase": {"description": "carries laptop while"}}, "2"),
        ({"match_phrase": {"title": ""}}, ""),
        ({"match_phrase": {"brand": "acme"}}, "13"),
        ({"match_phrase_prefix": {"title": "black lap"}}, "1"),
        ({"match_phrase_prefix": {"title": "pho"}}, "345"),
        ({"match_phrase_prefix": {"title": "black zzz"}}, ""),
        ({"match_phrase_prefix": {"title": ""}}, ""),
        ({"match_bool_prefix": {"title": "black ph"}}, "1345"),
        ({"match_bool_prefix": {"title": {"query": "black ph", "operator": "and"}}}, "5"),
        ({"multi_match": {"query": "laptop machine", "fields": FIELDS}}, "12"),
        ({"multi_match": {"query": "red acme", "fields": ["ti*", "brand^2"]}}, "34"),
        ({"multi_match": {"query": "red acme", "fields": "brand"}}, ""),
        ({"multi_match": {"query": "acme"}}, "13"),
        ({"multi_match": {"query": "x", "fields": ["nope"]}}, ""),
        ({"multi_match": {"query": "red", "fields": ["title", "stock"], "lenient": True}}, "34"),
        (
            {"multi_match": {"query": "black acme", "fields": ["title", "title.keyword"],
                             "type": "cross_fields", "operator": "and"}},
            "",
        ),
        ({"multi_match": {"query": "black laptop", "fields": FIELDS, "type": "phrase"}}, "1"),
        ({"multi_match": {"query": "black lap", "fields": FIELDS, "type": "phrase_prefix"}}, "1"),
        ({"multi_match": {"query": "lap", "fields": FIELDS, "type": "bool_prefix"}}, "12"),
        ({"combined_fields": {"query": "red case", "fields": ["title"], "operator": "and"}}, "4"),
        ({"query_string": {"query": "black laptop", "fields": ["title"]}}, "125"),
        ({"query_string": {"query": "black laptop", "default_field": "title",
                           "default_operator": "and"}}, "1"),
        ({"query_string": {"query": "*"}}, "12345"),
        ({"simple_query_string": {"query": "tn-2110 black", "fields": ["title"]}}, "15"),
        ({"simple_query_string": {"query": "black laptop", "fields": FIELDS,
                                  "default_operator": "and"}}, "1"),
        ({"simple_query_string": {"query": "*"}}, "12345"),
        ({"fuzzy": {"title": "laptpo"}}, "12"),
        ({"fuzzy": {"title": {"value": "laptpo", "transpositions": False, "fuzziness": 1}}}, ""),
        ({"fuzzy": {"nope": "x"}}, ""),
    ],
)  # fmt: skip
def test_words_are_found(find, query, ids):
    assert sorted(find(query)) == list(ids)


def test_fields_and_queries_are_boosted(score):
    plain = score({"match": {"title": "laptop"}})
    doubled = score({"match": {"title": {"query": "laptop", "boost": 2}}})
    by_field = score({"multi_match": {"query": "laptop", "fields": ["title^2"]}})

    assert doubled == by_field == pytest.approx({k: 2 * v for k, v in plain.items()}, rel=1e-6)


def test_kinds_of_multi_match_differ_in_how_fields_count(score):
    def multi(**options):
        return score({"multi_match": {"query": "red", "fields": FIELDS, **options}})["4"]

    title, description = (score({"match": {name: "red"}})["4"] for name in FIELDS)
    best, rest = max(title, description), min(title, description)
    assert multi() == pytest.approx(best, rel=1e-6)
    assert multi(tie_breaker=0.5) == pytest.approx(best + rest / 2, rel=1e-6)
    assert multi(type="most_fields") == pytest.approx(best + rest, rel=1e-6)


def test_a_word_spelt_right_scores_above_its_neighbours(score):
    scores = score({"match": {"title": {"query": "laptop lapto", "fuzziness": 1}}})

    assert score({"match": {"title": "laptop"}})["1"] < scores["1"]


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        ({"match": {"title": {"query": "x", "cutoff_frequency": 1}}}, "cutoff_frequency"),
        ({"match": {"title": {"query": {}}}}, "START_OBJECT"),
        ({"match": {"title": {}}}, "[query]"),
        ({"match": {"stock": "many"}}, "many"),
        ({"match": {"title": {"query": "x", "analyzer": "nope"}}}, "nope"),
        ({"multi_match": {"fields": ["title"]}}, "[query]"),
        ({"multi_match": {"query": "x", "type": "nope"}}, "multi_match type [nope]"),
        ({"query_string": {"query": "a AND b"}}, "operator [AND]"),
        ({"query_string": {"query": "title:x"}}, "operator [:]"),
        ({"query_string": {"query": "\"a b\""}}, "operator"),
        ({"simple_query_string": {"query": "a -b"}}, "operator [-b]"),
        ({"simple_query_string": {"query": "a | b"}}, "operator [|]"),
        ({"fuzzy": {"title": {}}}, "[value]"),
    ],
)  # fmt: skip
def test_what_is_not_supported_is_refused_by_name(refusal, query, problem):
    status, reason = refusal({"query": query})

    assert status == 400
    assert problem in reason

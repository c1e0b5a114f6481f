"""Judgment lists as OpenSearch imports and returns them."""

import json

import pytest

from qrmiddleware.evaluation.formats import FormatError, load_judged

RATINGS = [
    {
        "query": "red dress",
        "ratings": [
            {"docId": "B077ZJXCTS", "rating": "3.000"},
            {"docId": "B07QRCGL3G", "rating": "0.000"},
        ],
    },
    {"query": "shoes", "ratings": [{"docId": 12, "rating": 1}]},
]
LIST = {
    "name": "Imported Judgments",
    "type": "IMPORT_JUDGMENT",
    "judgmentRatings": RATINGS,
}


def judged_from(tmp_path, tree, **options):
    (tmp_path / "judgments.json").write_text(json.dumps(tree))
    return load_judged(tmp_path, options=options)


def test_reads_a_list_as_it_is_imported(tmp_path):
    judged = judged_from(tmp_path, LIST)

    assert [query.text for query in judged.queries] == ["red dress", "shoes"]
    assert judged.qrels == {
        "red+dress": {"B077ZJXCTS": 3, "B07QRCGL3G": 0},
        "shoes": {"12": 1},
    }


def test_reads_a_list_as_the_api_returns_it(tmp_path):
    reply = {"took": 1, "hits": {"total": {"value": 1}, "hits": [{"_id": "x", "_source": LIST}]}}

    assert judged_from(tmp_path, reply).qrels["shoes"] == {"12": 1}


def test_reads_the_shape_of_earlier_versions(tmp_path):
    tree = {"judgmentRatings": {"shoes": {"12": "0.250"}, "boots": {"13": "1.500"}}}

    judged = judged_from(tmp_path, tree)

    assert judged.qrels == {"shoes": {"12": 250}, "boots": {"13": 1500}}
    assert judged.gains == {0: 0.0, 250: 0.25, 1500: 1.5}


@pytest.mark.parametrize(
    ("tree", "problem"),
    [
        ({"judgmentRatings": 7}, "expected judgmentRatings to be a list"),
        (
            {"judgmentRatings": [{"ratings": []}]},
            r"judgmentRatings\[0\]: expected a value for 'query'",
        ),
        (
            {"judgmentRatings": [{"query": "a", "ratings": 1}]},
            r"\[0\]: expected ratings to be a list",
        ),
        (
            {"judgmentRatings": [{"query": "a", "ratings": [{"docId": "1", "rating": "x"}]}]},
            r"judgmentRatings\[0\]\.ratings\[0\]: expected a number for 'rating'",
        ),
        ({"hits": {"hits": ["judgmentRatings"]}}, "expected judgmentRatings to be a list"),
        ({"queries": []}, "expected one .json file with judgmentRatings, found judgments.json"),
    ],
)
def test_says_what_is_wrong_and_where(tmp_path, tree, problem):
    (tmp_path / "judgments.json").write_text(json.dumps(tree))

    with pytest.raises(FormatError, match=problem):
        load_judged(tmp_path, format_name="search_relevance")


def test_says_that_a_file_is_no_json(tmp_path):
    (tmp_path / "judgments.json").write_text('{"judgmentRatings": [')

    with pytest.raises(FormatError, match=r"judgments\.json: not JSON"):
        load_judged(tmp_path)


def test_of_several_files_one_must_be_chosen(tmp_path):
    for name in ("a.json", "b.json"):
        (tmp_path / name).write_text(json.dumps(LIST))
    (tmp_path / "other.json").write_bytes(b"\xff")

    with pytest.raises(FormatError, match=r"found a\.json, b\.json; choose one"):
        load_judged(tmp_path)
    assert len(load_judged(tmp_path, options={"judgments": "a.json"}).queries) == 2

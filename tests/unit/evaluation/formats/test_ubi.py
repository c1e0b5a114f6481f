"""UBI logs, as their plugin and their generator write them."""

import json

import pytest

from qrmiddleware.evaluation.formats import FormatError, load_judged


def query(query_id, text, hits=()):
    record = {
        "application": "shop",
        "query_id": query_id,
        "client_id": "c1",
        "user_query": text,
        "query_attributes": {},
        "timestamp": "2024-12-10T00:01:29.378Z",
    }
    return {**record, "query_response_hit_ids": list(hits)} if hits else record


def event(action, query_id, doc_id, ordinal=None):
    position = {} if ordinal is None else {"ordinal": ordinal}
    return {
        "application": "shop",
        "action_name": action,
        "query_id": query_id,
        "timestamp": "2024-12-10T00:02:29.378Z",
        "event_attributes": {
            "object": {"object_id": doc_id, "object_id_field": "sku"},
            "position": position,
        },
    }


def write(folder, records, name="ubi_queries_events.ndjson", bulk=True):
    lines = []
    for record in records:
        kind = "ubi_events" if "action_name" in record else "ubi_queries"
        lines += [{"index": {"_index": kind, "_id": "x"}}, record] if bulk else [record]
    (folder / name).write_text("".join(json.dumps(line) + "\n" for line in lines))


SEARCHES = [query(f"s{n}", "Laptop" if n else "laptop ", ["A", "B"]) for n in range(4)]
CLICKS = [
    event("click", "s0", "A"),
    event("click", "s1", "A"),
    event("click_through", "s2", "B"),
    event("click", "s2", "B"),
    event("add_to_cart", "s3", "B"),
]


def test_grades_by_clicks_over_expected_clicks_of_the_hits_of_each_query(tmp_path):
    write(tmp_path, SEARCHES + CLICKS)

    judged = load_judged(tmp_path, options={"min_impressions": "4", "rating": "coec"})

    # Ranks: 2 of 4 clicked at 1, 1 of 4 at 2; A is always at 1, B at 2: both as expected.
    assert [(q.query_id, q.text) for q in judged.queries] == [("laptop", "laptop")]
    assert judged.qrels == {"laptop": {"A": 1, "B": 1}}


def test_impression_events_count_before_the_hits_of_a_query(tmp_path):
    seen = [event("impression", f"s{n}", "A" if n < 3 else "B", 1) for n in range(4)]
    write(tmp_path, SEARCHES + seen + CLICKS[:2])
    options = {"min_impressions": "1", "rating": "coec"}

    judged = load_judged(tmp_path, options=options)

    # At rank 1: 2 of 4 clicked. A: 2 clicks of 3 * 0.5 expected; B: 0 of 0.5.
    assert judged.qrels == {"laptop": {"A": 1333, "B": 0}}
    assert judged.gains[1333] == pytest.approx(2**1.333 - 1)
    hits = load_judged(tmp_path, options={**options, "impressions": "hits"})
    assert hits.qrels == {"laptop": {"A": 1}}  # nobody clicks at rank 2: B is not judged


def test_pairs_that_were_shown_too_seldom_are_not_judged(tmp_path):
    write(tmp_path, SEARCHES + CLICKS)

    judged = load_judged(tmp_path)

    assert judged.qrels == {}
    assert [q.text for q in judged.queries] == ["laptop"]


def test_other_actions_can_be_clicks(tmp_path):
    write(tmp_path, SEARCHES + CLICKS)
    options = {"clicks": "add_to_cart", "min_impressions": "1"}

    assert load_judged(tmp_path, options=options).qrels == {"laptop": {"B": 3}}


def test_reads_plain_lines_and_dumps_in_files_of_their_own(tmp_path):
    write(tmp_path, [{"_source": each} for each in SEARCHES], "ubi_queries.jsonl", bulk=False)
    write(tmp_path, CLICKS, "ubi_events.jsonl", bulk=False)

    judged = load_judged(tmp_path, options={"min_impressions": "1"})

    assert judged.qrels == {"laptop": {"A": 3, "B": 3}}


def test_a_file_alone_is_recognised(tmp_path):
    write(tmp_path, SEARCHES + CLICKS)
    file = tmp_path / "ubi_queries_events.ndjson"

    assert load_judged(file, options={"min_impressions": "1"}).qrels == {"laptop": {"A": 3, "B": 3}}


def test_events_that_are_about_no_hit_are_left_out(tmp_path):
    odd = [event("click", "", "A"), event("click", "s0", ""), event("impression", "s0", "A")]
    write(tmp_path, [*SEARCHES, *CLICKS, *odd])

    assert load_judged(tmp_path, options={"min_impressions": "1"}).qrels == {
        "laptop": {"A": 3, "B": 3}
    }


@pytest.mark.parametrize(
    ("records", "problem"),
    [
        (
            [query("s0", "laptop"), *CLICKS],
            "nothing says what was shown: .* 1 queries and 3 clicks",
        ),
        (
            [{**SEARCHES[0], "query_response_hit_ids": "A"}],
            r"ndjson:2: expected a list in 'query_r",
        ),
        ([{**SEARCHES[0], "query_id": None}], r"ndjson:2: expected a value for 'query_id'"),
        ([event("impression", "s0", "A", "top")], r"ndjson:2: .* for 'ordinal'"),
        ([{"_source": 1, "user_query": "a"}], r"ndjson:2: expected an object in '_source'"),
    ],
)
def test_says_what_is_wrong_and_where(tmp_path, records, problem):
    write(tmp_path, records)

    with pytest.raises(FormatError, match=problem):
        load_judged(tmp_path, format_name="ubi")


def test_says_which_files_it_needs(tmp_path):
    (tmp_path / "clicks.csv").write_text("a,b\n")

    with pytest.raises(FormatError, match=r"expected \*ubi\*\.ndjson .* found clicks\.csv"):
        load_judged(tmp_path, format_name="ubi")


def test_the_least_number_of_impressions_must_be_one(tmp_path):
    write(tmp_path, SEARCHES)

    with pytest.raises(FormatError, match="min_impressions is a whole number, not 'few'"):
        load_judged(tmp_path, options={"min_impressions": "few"})


def test_a_file_that_is_no_json_is_no_log(tmp_path):
    (tmp_path / "ubi.ndjson").write_text("query,docid\n")

    with pytest.raises(FormatError, match="in no format that can be read"):
        load_judged(tmp_path)


def test_an_action_that_is_no_word_is_no_click(tmp_path):
    odd = {**event("click", "q1", "d1"), "action_name": ["click"]}
    write(tmp_path, [query("q1", "hose", ["d1"]), odd])

    judged = load_judged(tmp_path, options={"min_impressions": "1"})

    assert [each.text for each in judged.queries] == ["hose"] or judged.queries == ()

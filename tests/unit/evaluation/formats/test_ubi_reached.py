import json

import pytest

from qrmiddleware.evaluation.formats.rows import FormatError
from qrmiddleware.evaluation.formats.ubi_reached import reached_elsewhere


def query(client, query_id, text, time, *shown):
    return {
        "client_id": client,
        "query_id": query_id,
        "user_query": text,
        "timestamp": time,
        "query_response_hit_ids": list(shown),
    }


def event(client, doc_id, time, *, action="purchase", query_id=""):
    attributes = {"object": {"object_id": doc_id}}
    return {
        "client_id": client,
        "query_id": query_id,
        "action_name": action,
        "timestamp": time,
        "event_attributes": attributes,
    }


@pytest.fixture
def log(tmp_path):
    def write(*rows):
        (tmp_path / "ubi.ndjson").write_text("".join(json.dumps(row) + "\n" for row in rows))
        return tmp_path

    return write


def test_what_a_user_got_soon_after_and_was_not_shown_was_reached_elsewhere(log):
    folder = log(
        event("c1", "p9", "2026-01-01T10:20:00Z"),
        query("c1", "q1", "Hoze", "2026-01-01T10:00:00Z", "p1", "p2"),
        event("c1", "p2", "2026-01-01T10:05:00Z"),  # was shown
        event("c1", "p3", "2026-01-01T10:05:00Z", query_id="q1"),  # through the search
        event("c1", "p4", "2026-01-01T09:59:00Z"),  # before it
        event("c1", "p5", "2026-01-01T10:31:00Z"),  # too late
        event("c1", "p6", "2026-01-01T10:05:00Z", action="click"),
        event("c2", "p7", "2026-01-01T10:05:00Z"),  # another user
        event("c1", "p8", 1767261900000, action="add_to_cart"),  # 10:05 too
        event("", "p1", "2026-01-01T10:05:00Z"),
        event("c1", "", "2026-01-01T10:05:00Z"),
        event("c1", "p1", "yesterday"),
    )

    assert reached_elsewhere(folder) == {"Hoze": {"p8", "p9"}}
    assert reached_elsewhere(folder, actions=("click",)) == {"Hoze": {"p6"}}
    assert reached_elsewhere(folder, within_s=60 * 40, actions=("purchase",)) == {
        "Hoze": {"p5", "p9"}
    }


def test_a_folder_without_a_log_is_refused(tmp_path):
    with pytest.raises(FormatError, match="expected files named"):
        reached_elsewhere(tmp_path)


@pytest.mark.parametrize("time", [10**400, 1e308, "0001-01-01T00:00:00+14:00", [], True])
def test_a_time_that_is_none_says_nothing(log, time):
    folder = log(query("c", "q", "hose", time), event("c", "d", time))

    assert reached_elsewhere(folder) in ({}, {"hose": {"d"}})


def test_hits_that_are_no_list_are_refused_with_their_place(log):
    folder = log({**query("c", "q", "hose", 1), "query_response_hit_ids": 7})

    with pytest.raises(FormatError, match=r"ubi.ndjson:1: expected a list"):
        reached_elsewhere(folder)

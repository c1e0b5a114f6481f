import json

import pytest

from qrmiddleware.errors import ConfigError
from qrmiddleware.evaluation.collection import JudgedQueries, JudgedQuery
from qrmiddleware.recipes.feedback.reached import reached_by_query

JUDGED = JudgedQueries((JudgedQuery("q1", "Garden Hoze"), JudgedQuery("q2", "garden hoze")), {})


def test_a_table_may_name_queries_by_their_text(tmp_path):
    file = tmp_path / "reached.tsv"
    file.write_text("doc_id\tquery\nd1\tGarden  Hoze\nd2\tgarden hoze\nd1\that\n")

    assert reached_by_query(file) == {"garden hoze": {"d1", "d2"}, "hat": {"d1"}}


def test_a_table_may_name_queries_by_their_ids(tmp_path):
    file = tmp_path / "reached.tsv"
    file.write_text("query_id\tdoc_id\nq1\td1\nq2\td2\n")

    assert reached_by_query(file, JUDGED) == {"garden hoze": {"d1", "d2"}}
    with pytest.raises(ConfigError, match="no judgments say what query 'q1' is"):
        reached_by_query(file)


def test_events_tell_it_too(tmp_path):
    rows = (
        {"client_id": "c", "query_id": "1", "user_query": "Hoze", "timestamp": 0},
        {
            "client_id": "c",
            "action_name": "purchase",
            "timestamp": 1000,
            "event_attributes": {"object": {"object_id": "d1"}},
        },
    )
    (tmp_path / "ubi.ndjson").write_text("".join(json.dumps(row) + "\n" for row in rows))

    assert reached_by_query(tmp_path) == {"hoze": {"d1"}}

from qrmiddleware.upstream.embedded.support import supported


def test_lists_what_the_tables_dispatch_on():
    listed = supported()

    assert {"bool", "dis_max", "match", "multi_match", "function_score"} <= set(listed["queries"])
    assert {"terms", "range", "stats"} <= set(listed["aggregations"])
    assert "GET|POST /{index}/_search" in listed["endpoints"]
    assert "cross_fields" in listed["multi_match types"]
    assert all(names for names in listed.values())

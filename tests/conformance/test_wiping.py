import json

import pytest
from api_calls import Response, response_of
from wiping import WipeError, wipe

EMPTY = {
    "cluster_coordination": {"voting_config_exclusions": []},
    "templates": {},
    "indices": {},
}


class Cluster:
    """Says what it holds, and acknowledges everything else."""

    def __init__(self, settings=None, *, refuses="", **metadata):
        self._settings = {"persistent": {}, "transient": {}, **(settings or {})}
        self._metadata = {**EMPTY, **metadata}
        self._refuses = refuses
        self.asked = []

    def send(self, request) -> Response:
        if request.target.startswith("/_cluster/state"):
            return answer(200, {"metadata": self._metadata})
        if request.target.startswith("/_cluster/settings") and request.method == "GET":
            return answer(200, self._settings)
        body = json.loads(request.body) if request.body else None
        self.asked.append((request.method, request.target, body) if body else request.target)
        return answer(400 if request.target == self._refuses else 200, {})


def answer(status, body):
    kind = [("content-type", "application/json")]
    return response_of(status, kind, json.dumps(body).encode())


def wiped(asked=(), **held):
    cluster = Cluster(**held)
    wipe(cluster, asked)
    return cluster.asked


def index(**settings):
    return {"settings": {"index": settings}}


def test_an_empty_cluster_is_left_in_peace():
    assert wiped(asked=["/_bulk", "/a/_search"]) == []


def test_all_that_was_made_is_deleted():
    made = wiped(
        templates={"old": {}},
        indices={"a": index(), "b c": index()},
        repositories={"r": {}},
        index_template={"index_template": {"new": {}}},
        component_template={"component_template": {"part": {}}},
        ingest={"pipeline": [{"id": "in"}]},
        search_pipeline={"pipeline": [{"id": "out"}]},
        stored_scripts={"s/1": {}},
    )

    assert made == [
        "/_snapshot/r/*",
        "/_snapshot/r",
        "/a,b%20c",
        "/_template/old",
        "/_index_template/new",
        "/_component_template/part",
        "/_ingest/pipeline/in",
        "/_search/pipeline/out",
        "/_scripts/s%2F1",
    ]


def test_a_data_stream_goes_with_its_indices():
    streams = {"data_stream": {"logs": {}}}
    indices = {".ds-logs-1": index(hidden="true"), ".ds-mine": index()}

    assert wiped(data_stream=streams, indices=indices) == ["/_data_stream/logs", "/.ds-mine"]


def test_a_blocked_index_is_freed_first():
    freed, deleted = wiped(indices={"a": index(blocks={"read_only": "true"})})

    assert freed[:2] == ("PUT", "/a/_settings")
    assert freed[2]["index.blocks.read_only"] is None
    assert deleted == "/a"


def test_many_indices_go_a_few_at_a_time():
    deletions = wiped(indices={f"i{number}": index() for number in range(25)})

    assert [target.count(",") + 1 for target in deletions] == [10, 10, 5]


def test_settings_scrolls_and_points_in_time_go_where_there_may_be_some():
    asked = ["/_cluster/settings", "/a/_search?scroll=1m", "/a/_search/point_in_time"]
    settings = {"transient": {"x.y": "1"}}

    assert wiped(asked=asked, settings=settings) == [
        "/_search/scroll/_all",
        "/_search/point_in_time/_all",
        ("PUT", "/_cluster/settings", {"persistent": {}, "transient": {"x.y": None}}),
    ]


def test_excluded_nodes_may_vote_again():
    coordination = {"voting_config_exclusions": [{"node_id": "n"}]}

    assert wiped(cluster_coordination=coordination) == [
        "/_cluster/voting_config_exclusions?wait_for_removal=false"
    ]


def test_a_cluster_that_refuses_is_an_error():
    with pytest.raises(WipeError, match="DELETE /a: 400"):
        wiped(indices={"a": index()}, refuses="/a")

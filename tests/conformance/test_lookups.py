import pytest
from lookups import filled, look_up

BODY = {
    "hits": {"hits": [{"_id": "1", "a.b": 2}, {"_id": "2"}]},
    "nodes": {"xyz": {"name": "n"}},
}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("", BODY),
        ("$body", BODY),
        ("hits.hits.1._id", "2"),
        ("$body.hits.hits.0._id", "1"),
        (r"hits.hits.0.a\.b", 2),
        ("hits.hits.2._id", None),
        ("hits.nothing.here", None),
        ("hits.hits.0._id.more", None),
        ("nodes._arbitrary_key_", "xyz"),
        ("nodes.$node.name", "n"),
        ("nodes.x${rest}.name", "n"),
    ],
)
def test_paths(path, value):
    assert look_up(BODY, path, {"node": "xyz", "rest": "yz"}) == value


def test_a_list_may_be_the_whole_body():
    assert look_up([{"alias": "a"}], "0.alias", {}) == "a"


def test_kept_values_stand_in_texts_keys_and_lists():
    stash = {"id": 7, "node": "xyz"}
    asked = {"$node": ["$id", "a-${id}-b", "$unknown", 3]}

    assert filled(asked, stash) == {"xyz": [7, "a-7-b", "$unknown", 3]}

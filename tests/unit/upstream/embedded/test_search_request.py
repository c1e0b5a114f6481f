import pytest

from qrmiddleware.upstream.embedded.problems import ApiError
from qrmiddleware.upstream.embedded.search_request import read_search


def test_an_empty_body_asks_for_ten_hits():
    request = read_search({})

    assert (request.query, request.offset, request.size, request.tracked) == (None, 0, 10, 10_000)
    assert not request.needs_all_matches


@pytest.mark.parametrize(
    ("asked", "tracked"), [(True, None), (False, 0), (50, 50), ("50", 50), (-1, None)]
)
def test_totals_are_tracked_as_asked(asked, tracked):
    assert read_search({"track_total_hits": asked}).tracked == tracked


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ({"suggest": {}}, r"\[suggest\]"),
        ({"knn": {}}, r"\[knn\]"),
        ({"pit": {}}, r"\[pit\]"),
        ({"explain": True}, r"\[explain\]"),
        ({"size": -1}, "cannot be negative"),
        ({"size": "x"}, "not a number"),
        ({"from": 9_991}, "Result window is too large"),
        ({"collapse": {}}, "requires a"),
        ({"collapse": {"field": "a", "inner_hits": {}}}, "inner_hits"),
        ({"min_score": "x"}, "not a number"),
        ({"track_total_hits": -2}, "must be positive"),
    ],
)
def test_other_bodies_are_refused(body, problem):
    with pytest.raises(ApiError, match=problem):
        read_search(body)


def test_what_means_nothing_here_is_taken():
    read_search({"ext": {"x": 1}, "timeout": "1s", "stats": ["x"], "explain": False})

import msgspec
import pytest

from qrmiddleware.dsl.freedom import why_ordered, why_single
from qrmiddleware.dsl.raw import read_object
from qrmiddleware.dsl.uri import Parameters


def tree(**body):
    return read_object(msgspec.json.encode(body))


@pytest.mark.parametrize(
    ("body", "uri", "size", "reason"),
    [
        ({}, "", None, ""),
        ({}, "", 0, "size is 0"),
        ({"pit": {"id": "x"}}, "", None, "the search uses pit"),
        ({}, "scroll=1m", None, "the search uses scroll"),
        ({"sort": ["price"]}, "", None, "the search has its own sort"),
        ({"sort": [{"_score": "asc"}]}, "", None, "the search has its own sort"),
        ({"sort": ["_score"]}, "", None, ""),
        ({"sort": {"_score": {"order": "desc"}}}, "", None, ""),
        ({}, "sort=_score:desc", None, ""),
        ({"stored_fields": "_none_"}, "", None, "hits have no _id"),
    ],
)
def test_why_hits_must_stay_in_the_order_of_the_engine(body, uri, size, reason):
    assert why_ordered(tree(**body), Parameters.parse(uri), size) == reason


@pytest.mark.parametrize(
    ("body", "uri", "reason"),
    [
        ({}, "", ""),
        ({"collapse": {"field": "brand"}}, "", "the search uses collapse"),
        ({}, "min_score=1", "the search uses min_score"),
    ],
)
def test_what_keeps_a_search_in_one_piece(body, uri, reason):
    assert why_single(tree(**body), Parameters.parse(uri)) == reason

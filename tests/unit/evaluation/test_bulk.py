"""Batches on their way to an engine."""

import json

import pytest
import tenacity
from hypothesis import given
from hypothesis import strategies as st

from qrmiddleware.evaluation.bulk import Bulk, BusyError, batches
from qrmiddleware.evaluation.client import EngineClient

LINES = [(f"d{n}", b"%d" % n) for n in range(3)]


async def test_only_what_was_turned_away_is_sent_again_whatever_the_action(scripted):
    outcomes = [
        {"update": {"_id": f"d{n}", "status": status}} for n, status in enumerate((200, 429))
    ]
    engine = scripted(
        (200, json.dumps({"errors": True, "items": outcomes}).encode()),
        (200, b'{"errors": false, "items": []}'),
    )

    await Bulk(EngineClient(engine), wait=tenacity.wait_none()).store("shop", LINES[:2])

    assert [request.body for request in engine.asked] == [b"01", b"1"]


async def test_an_engine_that_stays_busy_is_given_up(scripted):
    engine = scripted(*[(429, b"")] * 10)

    with pytest.raises(BusyError, match="stayed busy: 3 documents are not in"):
        await Bulk(EngineClient(engine), wait=tenacity.wait_none()).store("shop", LINES)


@given(st.lists(st.integers(0, 3 * 2**20), max_size=12))
def test_batches_lose_nothing_and_stay_small(sizes):
    lines = [(str(n), b"x" * size) for n, size in enumerate(sizes)]

    cut = list(batches(lines))

    assert [line for batch in cut for line in batch] == lines
    assert all(len(batch) == 1 or sum(len(b) for _, b in batch) <= 4 * 2**20 for batch in cut)


def test_batches_have_at_most_five_hundred_documents():
    assert [len(batch) for batch in batches([("a", b"")] * 1200)] == [500, 500, 200]

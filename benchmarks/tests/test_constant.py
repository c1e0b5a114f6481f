import json

import numpy as np
import pytest

from qrmiddleware_benchmarks.constant import search_reply
from qrmiddleware_benchmarks.load import Target, drive
from qrmiddleware_benchmarks.schedule import Plan


@pytest.mark.parametrize("size_bytes", [400, 4_000, 40_000, 40_003])
def test_the_reply_has_its_size_and_reads_as_a_search_reply(size_bytes):
    reply = search_reply(size_bytes)

    assert len(reply) == size_bytes
    hits = json.loads(reply)["hits"]["hits"]
    assert hits
    assert len({hit["_id"] for hit in hits}) == len(hits)


def test_too_small_a_size_is_refused():
    with pytest.raises(ValueError, match="too few"):
        search_reply(100)


def test_the_server_answers_posts_too(constant):
    request = b"POST /_search HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{}"
    target = Target(constant.host, constant.port, (request,))
    plan = Plan(np.array([0, 0.01, 0.02]), np.zeros(3, dtype=np.int64))

    assert drive(target, plan, connections=1).errors == 0

import shutil

import pytest

from qrmiddleware_benchmarks.fronts import IDENTITY, OFF, RULES, TABLE, arms_before
from qrmiddleware_benchmarks.load import drive
from qrmiddleware_benchmarks.searches import QUERIES, search_requests


@pytest.mark.slow
@pytest.mark.skipif(
    shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/bin") is None,
    reason="needs nginx: apt-get install nginx-light",
)
def test_every_arm_answers(constant):
    requests = search_requests(QUERIES, index="products")

    with arms_before(constant.port, requests, QUERIES, first_port=9380) as arms:
        errors = {arm.name: drive(arm.target, [0, 0.1, 0.2], connections=1).errors for arm in arms}

    assert errors == dict.fromkeys(["direct", "nginx", OFF, IDENTITY, RULES, TABLE], 0)

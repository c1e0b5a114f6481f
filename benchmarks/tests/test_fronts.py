import subprocess
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest

from qrmiddleware_benchmarks.answers import check_answers
from qrmiddleware_benchmarks.arms import ArmSpec, Direct, Nginx, Proxy, Url
from qrmiddleware_benchmarks.counters import read_counters
from qrmiddleware_benchmarks.engines import EngineMissingError
from qrmiddleware_benchmarks.faults.ports import free_ports
from qrmiddleware_benchmarks.fronts import Asked, Running, arms_before, run_qrm, together
from qrmiddleware_benchmarks.load import drive
from qrmiddleware_benchmarks.scenarios import FULL_PIPELINE, PASSTHROUGH
from qrmiddleware_benchmarks.schedule import Plan
from qrmiddleware_benchmarks.searches import new_queries, search_body

ASKED = Asked(("toner", "laptop"), new_queries(5), search_body)


def scenario(**arms):
    return replace(PASSTHROUGH, arms=arms)


def test_an_arm_without_nginx_is_left_out_where_there_is_none(constant, monkeypatch):
    def missing(name, *, fetch):
        raise EngineMissingError("nginx is not installed")

    monkeypatch.setattr("qrmiddleware_benchmarks.fronts.require", missing)
    told = []
    two = scenario(direct=ArmSpec(front=Direct()), nginx=ArmSpec(front=Nginx()))

    with arms_before(
        constant.port, two, ASKED, first_port=free_ports(10), tell=told.append
    ) as arms:
        assert [arm.name for arm in arms] == ["direct"]

    assert "goes without nginx" in told[0]


def test_arms_are_asked_what_they_should_be(constant):
    arms = scenario(
        direct=ArmSpec(front=Direct(), queries="new"),
        elsewhere=ArmSpec(front=Url("example.org", 81, "/shop/_search?a=b", {"host": "shop"})),
    )

    with arms_before(constant.port, arms, ASKED, first_port=free_ports(10), tell=print) as (
        direct,
        other,
    ):
        assert direct.target.port == constant.port
        assert len(set(direct.target.requests)) == 5
        assert (other.target.host, other.target.port) == ("example.org", 81)
        assert other.target.requests[0].startswith(b"POST /shop/_search?a=b HTTP/1.1\r\nhost: shop")


def test_programs_that_did_start_are_stopped_if_another_did_not():
    stopped = []

    @contextmanager
    def good():
        yield Running()
        stopped.append(True)

    @contextmanager
    def bad():
        raise OSError("no room")
        yield Running()

    with pytest.raises(OSError, match="no room"), together([good(), bad(), good()]):
        pass

    assert stopped == [True, True]


@pytest.mark.slow
def test_every_kind_of_proxy_answers_and_counts(constant):
    arms = scenario(
        direct=ArmSpec(front=Direct()),
        off=ArmSpec(front=Proxy()),
        whole=ArmSpec(front=Proxy(pipeline=FULL_PIPELINE, workers=2), answers="reordered"),
        fresh=ArmSpec(front=Proxy(pipeline={}), restarted=True),
    )
    plan = Plan(np.array([0, 0.1, 0.2]), np.zeros(3, dtype=np.int64))

    with arms_before(constant.port, arms, ASKED, first_port=free_ports(10), tell=print) as started:
        assert check_answers(started) == 3 * 2
        for arm in started:
            with arm.serving() as running:
                assert drive(arm.target, plan, connections=1).errors == 0
                assert bool(running.parts) == (arm.name != "direct")
                if arm.name == "whole":
                    assert read_counters(running.admin_ports)["bench_reward success"] >= 3


def test_the_qrm_command_runs_to_its_end_and_says_when_it_fails(tmp_path, capfd):
    run_qrm("check", "--help")

    assert "qrm check" in capfd.readouterr().out
    with pytest.raises(subprocess.CalledProcessError):
        run_qrm("check", "-c", tmp_path / "none.yaml")

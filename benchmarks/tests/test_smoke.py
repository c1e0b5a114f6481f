from dataclasses import replace

import pytest

from qrmiddleware_benchmarks.arms import ArmSpec, Direct, Proxy
from qrmiddleware_benchmarks.faults.ports import free_ports
from qrmiddleware_benchmarks.scenarios import PASSTHROUGH, SCENARIOS, SEARCH
from qrmiddleware_benchmarks.smoke import check, shortened, smoke

ARMS = {"direct": ArmSpec(front=Direct()), "broken": ArmSpec(front=Direct(), degrades=True)}
SCENARIO = replace(PASSTHROUGH, arms=ARMS)


def problems(result, scenario=SCENARIO):
    return list(check(scenario, result))


def test_a_good_result_has_no_problems(make_result, make_arm):
    good = make_result(make_arm("direct", 1.0), make_arm("broken", 1.0, degraded=5))

    assert problems(good) == []


@pytest.mark.parametrize(
    ("how", "problem"),
    [
        ({"errors": 2}, "direct: 16 of 2416 searches failed"),
        ({"degraded": 1}, "direct: 0.3% of searches went without a plugin"),
        ({"seconds": 50.0}, "direct: 2% of the offered rate was answered"),
    ],
)
def test_what_must_hold_is_checked(make_result, make_arm, how, problem):
    bad = make_result(make_arm("direct", 1.0, **how), make_arm("broken", 1.0, degraded=1))

    assert any(problem in each for each in problems(bad))


@pytest.mark.parametrize(("timeout_ms", "said"), [(50, False), (1_000, True)])
def test_an_opinion_that_is_lost_is_a_problem_where_there_was_time_for_it(
    make_result, make_arm, timeout_ms, said
):
    spec = ArmSpec(front=Proxy(pipeline={"timeout_ms": timeout_ms}))
    scenario = replace(PASSTHROUGH, arms={"healthy": spec})

    found = problems(make_result(make_arm("healthy", 1.0, degraded=1)), scenario)

    assert any("went without a plugin" in each for each in found) == said


def test_a_broken_plugin_must_show(make_result, make_arm):
    quiet = make_result(make_arm("direct", 1.0), make_arm("broken", 1.0))

    assert problems(quiet) == ["passthrough, broken: a plugin is broken, and no search says so"]


def test_a_latency_that_is_missing_is_found(make_result, make_arm):
    arm = make_arm("direct", 1.0)
    lossy = replace(arm, slices=tuple(replace(each, answered=301) for each in arm.slices))

    found = problems(make_result(lossy), replace(PASSTHROUGH, arms={"direct": ARMS["direct"]}))

    assert "passthrough, direct: 2400 latencies of 2408 answered searches" in found


def test_a_proxy_must_have_counted_its_plugins(make_result, make_arm):
    arm = make_arm("rules", 1.0)
    silent = replace(
        arm, slices=tuple(replace(each, counters={}, processes=()) for each in arm.slices)
    )
    spec = ArmSpec(front=Proxy(pipeline={"rewriters": [{"plugin": "rules"}]}))

    found = problems(make_result(silent), replace(PASSTHROUGH, arms={"rules": spec}))

    assert len(found) == 3
    assert found[-1].endswith("it has counted no plugin call")


def test_every_kind_of_arm_is_run_once():
    short = list(shortened(SCENARIOS.values()))

    assert [each.name for each in short] == list(SCENARIOS)
    for scenario, whole in zip(short, SCENARIOS.values(), strict=True):
        assert next(iter(scenario.arms)) == next(iter(whole.arms))
    constant = [spec for each in short if each.sizes_bytes for spec in each.arms.values()]
    whole = [spec for each in SCENARIOS.values() if each.sizes_bytes for spec in each.arms.values()]
    assert all(spec in constant for spec in whole)


@pytest.mark.slow
def test_what_is_smoked_holds_before_a_constant_upstream_and_an_engine():
    pytest.importorskip("matplotlib")
    direct, identity = PASSTHROUGH.arms["direct"], PASSTHROUGH.arms["identity"]
    arms = {"direct": direct, "identity": identity}
    scenarios = (replace(PASSTHROUGH, arms=arms), replace(SEARCH, arms=arms))

    assert smoke(free_ports(30), print, scenarios) == []

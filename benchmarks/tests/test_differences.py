from dataclasses import replace

import pytest

from qrmiddleware_benchmarks.differences import differences, judge
from qrmiddleware_benchmarks.results import ResultError
from qrmiddleware_benchmarks.statistics import Change, Estimate


def verdicts(found, arm):
    return {each.change.measure: each.verdict for each in found.found if each.arm == arm}


def change(ratio, relative):
    return Change("p50", 1.0, 1.0, Estimate(*ratio), Estimate(*relative))


@pytest.mark.parametrize(
    ("ratio", "relative", "verdict"),
    [
        ((1.3, 1.2, 1.4), (1.3, 1.1, 1.5), "slower"),
        ((0.7, 0.6, 0.8), (0.7, 0.6, 0.8), "faster"),
        ((1.03, 1.02, 1.04), (1.3, 1.1, 1.5), "noise"),
        ((1.3, 1.2, 1.4), (1.0, 0.9, 1.1), "machine"),
        ((1.0, 0.9, 1.1), (1.3, 1.2, 1.4), "unclear"),
        ((1.3, 1.2, 1.4), (0.7, 0.6, 0.8), "machine"),
        ((1.1, 0.9, 1.3), (1.1, 0.9, 1.3), "noise"),
    ],
)
def test_an_arm_has_changed_if_it_has_by_itself_and_beside_the_first(ratio, relative, verdict):
    assert judge(change(ratio, relative), 0.05) == verdict


def test_two_runs_of_the_same_differ_by_nothing(make_result, make_arm):
    before = make_result(make_arm("direct", 1.0), make_arm("rules", 2.0, seed=1))
    after = make_result(make_arm("direct", 1.0, seed=2), make_arm("rules", 2.0, seed=3))

    found = differences(before, after)

    assert not found.regressed
    assert set(verdicts(found, "rules").values()) <= {"noise", "unclear"}
    assert found.drifts == ()


def test_an_arm_that_became_slower_is_found(make_result, make_arm):
    before = make_result(make_arm("direct", 1.0), make_arm("rules", 2.0, seed=1))
    after = make_result(make_arm("direct", 1.0, seed=2), make_arm("rules", 2.6, seed=3, cpu_ms=0.7))

    found = differences(before, after)

    assert found.regressed
    assert verdicts(found, "rules")["p50"] == "slower"
    assert verdicts(found, "rules")["CPU"] == "slower"
    assert verdicts(found, "direct")["p50"] == "noise"


def test_a_slower_machine_is_no_regression_and_is_said(make_result, make_arm):
    before = make_result(make_arm("direct", 1.0), make_arm("rules", 2.0, seed=1))
    after = make_result(make_arm("direct", 1.4, seed=2), make_arm("rules", 2.8, seed=3))

    found = differences(before, after)

    assert not found.regressed
    assert verdicts(found, "rules")["p50"] == "machine"
    assert any("The machine itself changed" in each for each in found.drifts)


def test_more_errors_and_more_degraded_searches_are_a_regression(make_result, make_arm):
    before = make_result(make_arm("direct", 1.0), make_arm("rules", 2.0))
    after = make_result(make_arm("direct", 1.0), make_arm("rules", 2.0, errors=5, degraded=30))

    found = differences(before, after)

    assert found.regressed
    assert [each.split(":")[0] for each in found.losses] == [
        "rules fails more often",
        "rules goes without a plugin more often",
    ]


def test_other_machines_versions_and_options_are_said(make_result):
    before = make_result()
    machine = replace(before.machine, cpu="Other CPU", cores=4, versions={"Python": "3.12"})
    after = replace(before, machine=machine, course=replace(before.course, rounds=3))

    said = " ".join(differences(before, after).drifts)

    assert "CPU was Some CPU and is Other CPU: the runs are of different machines" in said
    assert "cores was 2 and is 4" in said
    assert "Python was 3.11 and is 3.12." in said
    assert "not made with the same options" in said


def test_what_only_one_of_them_has_is_said(make_result, make_arm):
    direct, nginx, rules = (make_arm(name, 1.0) for name in ("direct", "nginx", "rules"))

    found = differences(make_result(direct, nginx), make_result(direct, rules))

    assert found.missing == ("Only in the first: nginx.", "Only in the second: rules.")


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"scenario": "search"}, "one result is of passthrough, the other of search"),
        ({"rate_hz": 50}, "no upstream in common that was asked at the same rate"),
        ({"upstream": "constant answer of 40 KB"}, "no upstream in common"),
    ],
)
def test_what_cannot_be_compared_is_refused(make_result, changed, problem):
    with pytest.raises(ResultError, match=problem):
        differences(make_result(), make_result(**changed))

import pytest
from findings import Verdicts, found, note, read_findings, read_journal, write_findings
from yaml_runner import Outcome

TOLD = {"suite": "suite 1", "engine": "Engine 3", "date": "2029-01-01"}
REWROTE = {"identity": {"rewrite": 3}}


def verdicts(direct, off, identity, again=(), *, path="search/10/A", applied=REWROTE):
    arms = {"direct": direct, "off": off, "identity": identity}
    outcomes = {arm: Outcome(verdict, f"so {verdict}") for arm, verdict in arms.items()}
    repeats = tuple(Outcome(verdict) for verdict in again)
    return Verdicts(path.split("/")[0], path, outcomes, repeats, applied, 1.5)


def test_verdicts_are_counted_by_group_and_arm():
    findings = found(
        [
            verdicts("pass", "pass", "pass"),
            verdicts("fail", "fail", "fail", path="search/10/B"),
            verdicts("skip", "skip", "skip", path="bulk/10/C"),
        ],
        **TOLD,
    )

    for arm in ("direct", "off", "identity"):
        assert findings.groups["search"][arm] == {"pass": 1, "fail": 1}
        assert findings.groups["bulk"][arm] == {"skip": 1}
        assert findings.totals(arm) == {"pass": 1, "fail": 1, "skip": 1}
    assert findings.failing == {"search/10/B": "so fail"}
    assert findings.seconds == 4
    assert findings.applied == {"identity": {"rewrite": 9}}
    assert findings.problems() == []


@pytest.mark.parametrize("arms", [("pass", "fail", "pass"), ("fail", "fail", "pass")])
def test_any_other_verdict_through_the_proxy_is_a_problem(arms):
    findings = found([verdicts(*arms, again=[arms[0]] * 10)], **TOLD)

    (problem,) = findings.problems()
    assert problem.startswith("search/10/A\n")
    assert "off: fail so fail" in problem


def test_a_case_of_which_the_engine_gives_two_verdicts_counts_nowhere():
    findings = found([verdicts("pass", "fail", "pass", again=["pass"] * 9 + ["fail"])], **TOLD)

    assert findings.unstable == {"search/10/A": "fail "}
    assert findings.groups == findings.failing == findings.differing == {}
    assert findings.problems() == []


def test_a_pipeline_that_did_nothing_proves_nothing():
    nothing = {"identity": {"none": 3}}

    assert found([verdicts("pass", "pass", "pass")], **TOLD).rewrote
    assert not found([verdicts("pass", "pass", "pass", applied=nothing)], **TOLD).rewrote


def test_a_search_that_only_its_own_words_could_answer_is_a_problem():
    said = {"identity": {"rewrite": 3, "pipeline=refused, 400": 2}}
    fine = found([verdicts("pass", "pass", "pass", applied=said)], **TOLD)
    said = {"identity": {"rewrite": 3, "pipeline=refused": 2}}
    wrong = found([verdicts("pass", "pass", "pass", applied=said)], **TOLD)

    assert fine.problems() == []
    assert wrong.problems() == [
        "the identity pipeline was not gone through: pipeline=refused, 2 times"
    ]


def test_findings_and_journals_are_read_as_they_were_written(tmp_path):
    cases = [verdicts("pass", "pass", "pass"), verdicts("fail", "pass", "fail", ["fail"])]
    findings = found(cases, **TOLD)

    write_findings(findings, tmp_path / "found.json")
    for each in cases:
        note(each, tmp_path / "journal")

    assert read_findings(tmp_path / "found.json") == findings
    assert found(read_journal(tmp_path / "journal"), **TOLD) == findings

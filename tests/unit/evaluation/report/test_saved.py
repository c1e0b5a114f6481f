"""What is saved is read again."""

import gzip
import json
import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qrmiddleware.evaluation.collection import JudgedQueries, JudgedQuery
from qrmiddleware.evaluation.comparison import ArmScores, Difference, Evaluation, compare, score_run
from qrmiddleware.evaluation.rankings import ArmRun, RankedHit, Ranking
from qrmiddleware.evaluation.report.saved import SavedError, read_json, write_json
from qrmiddleware.evaluation.report.wording import without_secrets
from qrmiddleware.evaluation.rewriting import RewriteYield

NUMBERS = st.floats(-1e9, 1e9)
MAYBE = NUMBERS | st.just(math.nan)
TEXTS = st.text(max_size=8)
HITS = st.builds(RankedHit, TEXTS, MAYBE, st.lists(TEXTS, max_size=2).map(tuple), TEXTS)
RANKINGS = st.builds(
    Ranking,
    TEXTS,
    st.lists(HITS, max_size=3).map(tuple),
    st.none() | st.integers(0, 9),
    st.none() | NUMBERS,
    TEXTS,
    TEXTS,
    st.lists(TEXTS, max_size=2).map(tuple),
)
RUNS = st.builds(
    ArmRun,
    TEXTS,
    st.dictionaries(TEXTS, RANKINGS, max_size=2),
    st.integers(1, 99),
    TEXTS,
    st.lists(st.integers(0, 4), max_size=2).map(tuple),
)
VALUES = st.dictionaries(TEXTS, NUMBERS, max_size=2)
YIELDS = st.builds(
    RewriteYield, TEXTS, TEXTS, *[st.integers(0, 9)], st.just(("a",)), *[st.integers(0, 9)] * 3
)
ARMS = st.builds(
    ArmScores,
    RUNS,
    st.dictionaries(TEXTS, VALUES, max_size=2),
    VALUES,
    VALUES,
    st.lists(YIELDS, max_size=2).map(tuple),
)
DIFFERENCES = st.builds(Difference, TEXTS, TEXTS, *[MAYBE] * 7, *[st.integers(0, 9)] * 3)
JUDGED = st.builds(
    JudgedQueries,
    st.lists(st.builds(JudgedQuery, TEXTS, TEXTS, st.none() | st.integers(0, 4)), max_size=2).map(
        tuple
    ),
    st.dictionaries(TEXTS, st.dictionaries(TEXTS, st.integers(-2, 4), max_size=2), max_size=2),
    st.dictionaries(st.integers(-2, 4), NUMBERS, max_size=3),
    st.integers(0, 4),
)
EVALUATIONS = st.builds(
    Evaluation,
    TEXTS,
    JUDGED,
    st.lists(ARMS, max_size=2).map(tuple),
    st.lists(DIFFERENCES, max_size=2).map(tuple),
    st.dictionaries(TEXTS, TEXTS, max_size=2),
)


@given(EVALUATIONS, st.sampled_from(["saved.json", "saved.json.gz"]))
def test_any_evaluation_is_read_as_it_was_saved(tmp_path_factory, evaluation, name):
    path = tmp_path_factory.mktemp("saved") / "deep" / name

    write_json(evaluation, path)

    assert repr(read_json(path)) == repr(without_secrets(evaluation))  # nan equals nan in words


def test_a_measured_evaluation_is_read_as_it_was_saved(evaluation, tmp_path):
    write_json(evaluation, tmp_path / "e.json")

    read = read_json(tmp_path / "e.json")

    assert read.arms == without_secrets(evaluation).arms
    assert read.judged.relevant == evaluation.judged.relevant
    again = tuple(score_run(read.judged, arm.run) for arm in read.arms)
    assert repr(compare(again)) == repr(evaluation.differences)


def test_gains_as_they_are_by_default_can_be_saved(tmp_path):
    judged = JudgedQueries((), {})

    write_json(Evaluation("none", judged, ()), tmp_path / "e.json")

    assert read_json(tmp_path / "e.json").judged.gains == {0: 0.0, 1: 1.0, 2: 3.0, 3: 7.0}


def test_no_password_is_saved(evaluation, tmp_path):
    write_json(evaluation, tmp_path / "e.json.gz")

    assert b"secret" not in gzip.decompress((tmp_path / "e.json.gz").read_bytes())


def test_the_same_is_saved_alike(evaluation, tmp_path):
    write_json(evaluation, tmp_path / "one.json.gz")
    write_json(replace(evaluation), tmp_path / "two.json.gz")

    assert (tmp_path / "one.json.gz").read_bytes() == (tmp_path / "two.json.gz").read_bytes()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{", "no saved evaluation"),
        ("[1]", "JSON, but no saved evaluation"),
        ('{"kind": "other"}', "JSON, but no saved evaluation"),
        ('{"kind": "qrm-eval", "version": 99}', "saved in version 99; this qrm reads 1"),
        ('{"kind": "qrm-eval", "version": 1}', "a damaged evaluation"),
        ('{"kind": "qrm-eval", "version": 1, "arms": [], "differences": []}', "damaged"),
    ],
)
def test_says_what_is_wrong_with_a_file(tmp_path, text, problem):
    (tmp_path / "e.json").write_text(text)

    with pytest.raises(SavedError, match=problem):
        read_json(tmp_path / "e.json")


def test_a_damaged_hit_is_found(evaluation, tmp_path):
    write_json(evaluation, tmp_path / "e.json")
    tree = json.loads((tmp_path / "e.json").read_text())
    tree["arms"][0]["run"]["rankings"]["q1"]["hits"][0] = [7, "high"]
    (tmp_path / "e.json").write_text(json.dumps(tree))

    with pytest.raises(SavedError, match="damaged"):
        read_json(tmp_path / "e.json")


def test_says_that_a_file_is_missing_and_how_to_make_one(tmp_path):
    with pytest.raises(SavedError, match=r"no such file; `qrm eval run --json .*e.json` saves one"):
        read_json(tmp_path / "e.json")

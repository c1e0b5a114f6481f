import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qrmiddleware.evaluation.collection import JudgedQueries, JudgedQuery
from qrmiddleware.evaluation.comparison import (
    ArmScores,
    Evaluation,
    bootstrap,
    compare,
    evaluate,
    extremes,
    holm,
    paired_t_test,
    percentiles,
    score_run,
    with_rewrite_values,
    wordings,
)
from qrmiddleware.evaluation.measures import NDCG, NOTHING_FOUND
from qrmiddleware.evaluation.rankings import ArmRun, RankedHit, Ranking
from qrmiddleware.evaluation.rewriting import JudgmentsJudge

np = pytest.importorskip("numpy")
stats = pytest.importorskip("scipy.stats")

P_VALUES = st.dictionaries(st.text(min_size=1), st.floats(0, 1))


def scores(name, **values):
    """An arm with the values of each measure for q0, q1, …"""
    by_query = {
        measure.replace("_", " "): {f"q{n}": value for n, value in enumerate(row)}
        for measure, row in values.items()
    }
    means = {measure: float(np.mean(list(row.values()))) for measure, row in by_query.items()}
    return ArmScores(ArmRun(name, {}, 10), by_query, means)


def judged(count):
    queries = tuple(JudgedQuery(f"q{n}", f"text {n}") for n in range(count))
    return JudgedQueries(queries, {f"q{n}": {"a": 1, "b": 0} for n in range(count)})


def ranking(query, *doc_ids, duration_ms=None, rewrites=(), found_by=()):
    hits = tuple(RankedHit(doc_id, 1.0, found_by) for doc_id in doc_ids)
    return Ranking(query, hits, duration_ms=duration_ms, rewrites=rewrites)


def test_an_arm_is_scored_with_its_latency_and_its_rewrites():
    rankings = {
        "q0": ranking("q0", "a", duration_ms=10.0, rewrites=("t",), found_by=("t",)),
        "q1": ranking("q1", "b", "a", duration_ms=30.0),
        "other": ranking("other", "a", duration_ms=1_000.0),
    }

    arm = score_run(judged(3), ArmRun("rules", rankings, 100))

    assert arm.name == "rules"
    assert arm.by_query["RR"] == {"q0": 1.0, "q1": 0.5, "q2": 0.0}
    assert arm.means["RR"] == 0.5
    assert arm.means[NOTHING_FOUND] == pytest.approx(1 / 3)
    assert arm.latency_ms["p50"] == 20.0
    assert arm.latency_ms["mean"] == 20.0
    assert [(each.rewrite, each.relevant) for each in arm.attribution] == [("t", 1)]


def test_nothing_timed_has_no_latency():
    assert percentiles([]) == {}


def test_differences_are_paired_by_query():
    first = scores("plain", ndcg=[0.1, 0.5, 0.5, 0.9])
    arm = scores("rules", ndcg=[0.3, 0.5, 0.6, 0.8])

    (difference,) = compare([first, arm])

    assert (difference.arm, difference.measure) == ("rules", "ndcg")
    assert (difference.baseline, difference.value) == (0.5, 0.55)
    assert difference.difference == pytest.approx(0.05)
    assert (difference.wins, difference.ties, difference.losses) == (2, 1, 1)
    told = stats.ttest_rel([0.3, 0.5, 0.6, 0.8], [0.1, 0.5, 0.5, 0.9])
    assert difference.p_value == pytest.approx(told.pvalue)
    assert difference.p_holm == difference.p_value
    assert difference.low < difference.difference < difference.high


def test_fewer_empty_pages_are_wins():
    first, arm = scores("plain", nothing_found=[1, 1, 0]), scores("rules", nothing_found=[0, 1, 0])

    (difference,) = compare([first, arm])

    assert difference.difference == pytest.approx(-1 / 3)
    assert (difference.wins, difference.ties, difference.losses) == (1, 2, 0)
    best, worst = extremes(judged(3), first, arm, NOTHING_FOUND)
    assert [delta.query.query_id for delta in best] == ["q0"]
    assert worst == ()


def test_rounding_is_no_difference():
    first, arm = scores("plain", ndcg=[0.3, 0.2]), scores("same", ndcg=[0.1 + 0.2, 0.2])

    (difference,) = compare([first, arm])

    assert (difference.wins, difference.ties, difference.losses) == (0, 2, 0)
    assert math.isnan(difference.p_value)
    assert math.isnan(difference.p_holm)


def test_only_measures_that_all_arms_have_are_compared():
    first = scores("plain", ndcg=[0.1, 0.2], recall=[0.1, 0.2])
    arm = scores("shallow", ndcg=[0.2, 0.2])

    assert [difference.measure for difference in compare([first, arm])] == ["ndcg"]


def test_nothing_to_compare_with_gives_no_differences():
    assert compare([]) == ()
    assert compare([scores("plain", ndcg=[0.1])]) == ()


def test_the_interval_is_that_of_scipy():
    deltas = np.random.default_rng(7).normal(0.02, 0.1, (2, 60))

    found = bootstrap(deltas)

    for row, interval in enumerate(found):
        told = stats.bootstrap(
            (deltas[row],), np.mean, n_resamples=10_000, method="percentile", rng=3
        ).confidence_interval
        assert interval == pytest.approx((told.low, told.high), abs=0.002)


def test_the_interval_is_the_same_every_time_and_for_every_measure():
    deltas = np.random.default_rng(7).normal(0, 1, 50)

    assert bootstrap(np.array([deltas, deltas]))[0] == bootstrap(np.array([deltas]))[0]
    assert bootstrap(np.array([deltas, deltas]))[1] == bootstrap(np.array([deltas]))[0]


def test_many_queries_are_resampled_in_parts():
    deltas = np.random.default_rng(7).normal(0.1, 1, (1, 2_500))

    ((low, high),) = bootstrap(deltas)

    assert high - low == pytest.approx(2 * 1.96 / math.sqrt(2_500), rel=0.1)


def test_one_query_has_no_spread():
    assert all(math.isnan(end) for end in bootstrap(np.array([[0.5]]))[0])
    assert math.isnan(paired_t_test(np.array([0.5])))


def test_the_same_difference_everywhere_has_no_p_value():
    assert math.isnan(paired_t_test(np.array([0.25, 0.25, 0.25])))


@given(deltas=st.lists(st.floats(-1, 1), min_size=2, max_size=30))
def test_the_interval_lies_within_the_differences(deltas):
    ((low, high),) = bootstrap(np.array([deltas]))

    assert min(deltas) - 1e-12 <= low <= high <= max(deltas) + 1e-12


def test_holm_as_computed_by_hand():
    """0.01 times 3, 0.03 times 2, 0.04 no less than that; nan does not count."""
    found = holm({"a": 0.04, "b": 0.01, "c": 0.03, "d": math.nan})

    assert (found["a"], found["b"], found["c"]) == pytest.approx((0.06, 0.03, 0.06))
    assert math.isnan(found["d"])


@given(P_VALUES)
def test_holm_never_lowers_a_p_value_nor_changes_their_order(p_values):
    found = holm(p_values)

    assert all(p_values[name] <= found[name] <= 1 for name in p_values)
    ordered = sorted(p_values, key=p_values.__getitem__)
    assert all(found[a] <= found[b] for a, b in itertools.pairwise(ordered))


def test_p_values_of_one_measure_are_corrected_for_the_number_of_arms():
    first = scores("plain", ndcg=[0.1, 0.2, 0.3, 0.4], recall=[0.5, 0.5, 0.4, 0.1])
    one = scores("one", ndcg=[0.2, 0.4, 0.5, 0.5], recall=[0.6, 0.7, 0.4, 0.1])
    two = scores("two", ndcg=[0.2, 0.1, 0.5, 0.5], recall=[0.7, 0.5, 0.3, 0.1])

    found = {(each.arm, each.measure): each for each in compare([first, one, two])}

    assert found["one", "ndcg"].p_holm == pytest.approx(2 * found["one", "ndcg"].p_value)
    assert found["two", "ndcg"].p_holm == pytest.approx(found["two", "ndcg"].p_value)


def test_best_and_worst_queries_leave_out_ties():
    first = scores("plain", ndcg=[0.1, 0.5, 0.5, 0.9, 0.3])
    arm = scores("rules", ndcg=[0.2, 0.5, 0.9, 0.1, 0.2])

    best, worst = extremes(judged(5), first, arm, "ndcg")

    assert [delta.query.query_id for delta in best] == ["q2", "q0"]
    assert [delta.query.query_id for delta in worst] == ["q3", "q4"]
    assert (worst[0].baseline, worst[0].value) == (0.9, 0.1)
    assert [d.query.query_id for d in extremes(judged(5), first, arm, "ndcg", count=1)[0]] == ["q2"]


def test_an_evaluation_holds_it_all():
    arm = score_run(judged(2), ArmRun("plain", {}, 10))

    evaluation = Evaluation("shop", judged(2), (arm,), compare([arm]))

    assert evaluation.arms[0].means[NDCG] == 0.0
    assert evaluation.differences == ()


def test_all_arms_are_measured_on_the_queries_that_all_have_answered():
    collection = JudgedQueries(
        tuple(JudgedQuery(name, name) for name in ("good", "barren", "failed", "absent")),
        {"good": {"a": 1}, "barren": {"a": 0}, "failed": {"a": 1}, "absent": {"a": 1}},
    )
    plain = ArmRun("plain", {name: ranking(name, "a") for name in ("good", "barren", "failed")}, 10)
    rules = ArmRun("rules", {"failed": Ranking("failed", (), problem="HTTP 500")}, 10)

    evaluation = evaluate("shop", collection, [plain, rules], {"depth": "10"})

    assert [query.query_id for query in evaluation.judged.queries] == ["good", "absent"]
    assert evaluation.arms[0].by_query["RR"] == {"good": 1.0, "absent": 0.0}
    assert evaluation.arms[1].by_query["RR"] == {"good": 0.0, "absent": 0.0}
    assert {each.arm for each in evaluation.differences} == {"rules"}
    assert evaluation.environment == {
        "queries": "4",
        "queries measured": "2",
        "left out, nothing is judged relevant": "1",
        "left out, an arm failed": "1",
        "depth": "10",
    }


def test_rewrites_are_valued_against_what_the_first_arm_finds():
    plain = ArmRun("plain", {"q0": ranking("q0", "b")}, 10)
    rewritten = {
        "q0": ranking("q0", "b", "a", rewrites=("t", "u")),
        "q1": ranking("q1", "a", rewrites=("t",)),
    }
    evaluation = evaluate("shop", judged(2), [plain, ArmRun("rules", rewritten, 10)])
    assert wordings(evaluation) == ("t", "u")

    valued = with_rewrite_values(
        evaluation,
        JudgmentsJudge(evaluation.judged),
        {"t": ranking("t", "a", "b")},
        depth=10,
    )

    first, second, third = valued.arms[1].attribution
    assert (first.query_id, first.value.relevance, first.value.increment) == ("q0", 0.5, 1.0)
    assert second.value is None  # nobody asked for u
    assert third.value is None  # the first arm was not asked for q1

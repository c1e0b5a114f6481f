import math
import shutil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qrmiddleware.evaluation.collection import JudgedQueries, JudgedQuery, exponential_gains
from qrmiddleware.evaluation.measures import (
    CONDENSED,
    CUTOFFS,
    JUDGED,
    LOWER_IS_BETTER,
    MOST_WHOLE,
    NDCG,
    NOTHING_FOUND,
    mean,
    measure,
    measures_at,
    whole_gains,
)
from qrmiddleware.evaluation.rankings import RankedHit, Ranking

ir_measures = pytest.importorskip("ir_measures")
pytrec_eval = pytest.importorskip("pytrec_eval")

DOCUMENTS = [f"d{number}" for number in range(14)]
GRADES = st.dictionaries(st.sampled_from(DOCUMENTS), st.integers(0, 3), min_size=1)
RANKINGS = st.lists(st.sampled_from([*DOCUMENTS, "x", "y", "z"]), unique=True)


def collection(qrels, **options):
    return JudgedQueries(tuple(JudgedQuery(query, query) for query in qrels), qrels, **options)


def ranked(**doc_ids):
    """Rankings whose scores rise, to show that nobody looks at them."""
    return {
        query: Ranking(query, tuple(RankedHit(d, float(n)) for n, d in enumerate(found)))
        for query, found in doc_ids.items()
    }


def values(qrels, ranking, **options):
    measured = measure(collection({"q": qrels}, **options), ranked(q=ranking), depth=1000)
    return {name: by_query["q"] for name, by_query in measured.items()}


def reference_ndcg(doc_ids, gains, cutoff=10):
    """Järvelin & Kekäläinen 2002, written out."""

    def dcg(found):
        return sum(gain / math.log2(rank + 1) for rank, gain in enumerate(found[:cutoff], 1))

    ideal = dcg(sorted(gains.values(), reverse=True))
    return dcg([gains.get(doc_id, 0) for doc_id in doc_ids]) / ideal if ideal else 0.0


def test_an_example_computed_by_hand():
    qrels = {"a": 3, "b": 2, "c": 1, "d": 0, "e": 2}

    found = values(qrels, ["x", "b", "d", "a", "y"])

    ideal = 7 + 3 / math.log2(3) + 3 / math.log2(4) + 1 / math.log2(5)
    assert found == {
        NDCG: pytest.approx((3 / math.log2(3) + 7 / math.log2(5)) / ideal),  # b second, a fourth
        CONDENSED: pytest.approx((3 + 7 / math.log2(4)) / ideal),  # b, d, a
        JUDGED: pytest.approx(3 / 5),
        "P@10": pytest.approx(2 / 10),
        "RR": pytest.approx(1 / 2),
        "R@100": pytest.approx(2 / 4),
        "R@1000": pytest.approx(2 / 4),
        "bpref": pytest.approx(1 / 4),  # b has no irrelevant hit above it, a has all there are
        NOTHING_FOUND: 0.0,
    }
    assert found[NDCG] == pytest.approx(0.45341, abs=1e-5)
    assert found[CONDENSED] == pytest.approx(0.60055, abs=1e-5)


def test_fractional_gains_count_as_they_are():
    """ESCI's: exact 1, substitute 0.1, complement 0.01, irrelevant 0."""
    gains = {3: 1.0, 2: 0.1, 1: 0.01, 0: 0.0}
    qrels = {"exact": 3, "substitute": 2, "complement": 1, "irrelevant": 0}

    found = values(qrels, ["complement", "irrelevant", "substitute", "exact"], gains=gains)

    dcg = 0.01 + 0.1 / math.log2(4) + 1 / math.log2(5)
    assert found[NDCG] == pytest.approx(dcg / (1 + 0.1 / math.log2(3) + 0.01 / 2), abs=1e-15)


def test_what_counts_as_relevant_is_the_collections():
    qrels = {"a": 1, "b": 2, "c": 3}

    found = values(qrels, ["a", "b"], relevant_from=2)

    assert found["RR"] == pytest.approx(1 / 2)
    assert found["R@100"] == pytest.approx(1 / 2)
    assert found["P@10"] == pytest.approx(1 / 10)


def test_queries_without_a_hit_or_ranking_count_0():
    judged = collection({"found": {"a": 1}, "empty": {"a": 1}, "missing": {"a": 1}})

    measured = measure(judged, ranked(found=["a"], empty=[]), depth=1000)

    for name, by_query in measured.items():
        assert list(by_query) == ["found", "empty", "missing"]
        if name != NOTHING_FOUND:
            assert (by_query["empty"], by_query["missing"]) == (0.0, 0.0), name
    assert measured[NOTHING_FOUND] == {"found": 0.0, "empty": 1.0, "missing": 1.0}
    assert mean(measured[NDCG].values()) == pytest.approx(1 / 3)
    assert mean([]) == 0.0


def test_rankings_of_other_queries_and_judgments_of_other_queries_do_not_matter():
    judged = collection({"q": {"a": 1}, "other": {"b": 1}}).only([JudgedQuery("q", "q")])

    measured = measure(judged, ranked(q=["a"], other=["b"], third=["c"]), depth=10)

    assert measured[NDCG] == {"q": 1.0}


def test_many_queries_are_all_measured():
    qrels = {f"q{n}": {"a": 1} for n in range(2_300)}
    rankings = {
        query: Ranking(query, (RankedHit("a" if n % 2 else "b", 1.0),))
        for n, query in enumerate(qrels)
    }

    measured = measure(collection(qrels), rankings, depth=10)

    assert list(measured[NDCG]) == list(qrels)
    assert sum(measured[NDCG].values()) == 1_150


def test_a_measure_that_looks_deeper_than_the_ranking_is_left_out():
    assert "R@1000" not in measures_at(100)
    assert "R@100" in measures_at(100)
    assert NDCG not in measures_at(9)
    assert measures_at(1000) == tuple(CUTOFFS)
    assert set(CUTOFFS) >= LOWER_IS_BETTER


@pytest.mark.parametrize(
    ("gains", "whole"),
    [
        (exponential_gains(3), {0: 0, 1: 1, 2: 3, 3: 7}),
        ({0: 0.0, 1: 0.01, 2: 0.1, 3: 1.0}, {0: 0, 1: 1, 2: 10, 3: 100}),
        ({0: 0.0, 1: 0.5}, {0: 0, 1: 1}),
        ({0: 0.0}, {0: 0}),
        ({}, {}),
    ],
)
def test_gains_become_whole_numbers_in_the_same_proportions(gains, whole):
    assert whole_gains(gains) == whole


@given(st.lists(st.floats(0, 1e6), min_size=1))
def test_gains_that_have_no_small_whole_form_are_off_by_a_millionth_at_most(values):
    gains = dict(enumerate(values))
    largest = max(values)

    whole = whole_gains(gains)

    assert max(whole.values()) <= MOST_WHOLE
    if largest > 0:
        for relevance, gain in gains.items():
            share = whole[relevance] / max(whole.values())
            assert share == pytest.approx(gain / largest, abs=1e-6)


@pytest.mark.parametrize("gain", [-1.0, math.nan, math.inf])
def test_a_gain_that_is_no_gain_is_refused(gain):
    with pytest.raises(ValueError, match="relevance 2 has gain"):
        whole_gains({2: gain})


def test_a_relevance_without_a_gain_is_named():
    with pytest.raises(ValueError, match=r"relevance 4 occurs .* gains are for 0, 1, 2, 3"):
        values({"a": 4}, ["a"])


@given(qrels=GRADES, ranking=RANKINGS)
def test_all_measures_lie_between_0_and_1_and_ndcg_is_what_its_authors_wrote(qrels, ranking):
    found = values(qrels, ranking)

    gains = {doc_id: 2.0**grade - 1 for doc_id, grade in qrels.items()}
    assert all(0 <= value <= 1 + 1e-12 for value in found.values())
    assert found[NDCG] == pytest.approx(reference_ndcg(ranking, gains), abs=1e-12)
    condensed = [doc_id for doc_id in ranking if doc_id in qrels]
    assert found[CONDENSED] == pytest.approx(reference_ndcg(condensed, gains), abs=1e-12)


@given(qrels=GRADES)
def test_the_ideal_ranking_has_ndcg_1_and_all_that_is_relevant(qrels):
    ideal = sorted(qrels, key=qrels.__getitem__, reverse=True)

    found = values(qrels, ideal)

    expected = 1.0 if any(qrels.values()) else 0.0
    for name in (NDCG, CONDENSED, "RR", "R@1000"):
        assert found[name] == pytest.approx(expected), name


@given(qrels=GRADES, ranking=RANKINGS, seed=st.randoms(use_true_random=False))
def test_exchanging_equals_changes_no_ndcg(qrels, ranking, seed):
    names = dict(zip(ranking, ranking, strict=True))
    for grade in {qrels.get(doc_id) for doc_id in ranking}:
        same = [doc_id for doc_id in ranking if qrels.get(doc_id) == grade]
        names |= dict(zip(same, seed.sample(same, len(same)), strict=True))

    before, after = values(qrels, ranking), values(qrels, [names[doc_id] for doc_id in ranking])

    assert after == pytest.approx(before)


@given(qrels=GRADES, ranking=RANKINGS)
def test_pytrec_eval_itself_agrees(qrels, ranking):
    found = values(qrels, ranking)

    run = {"q": {doc_id: float(-rank) for rank, doc_id in enumerate(ranking)}}
    gains = {"q": {doc_id: 2**grade - 1 for doc_id, grade in qrels.items()}}
    names = {"P_10", "recip_rank", "recall_100", "bpref", "ndcg_cut_10"}
    evaluator = pytrec_eval.RelevanceEvaluator(gains, names)
    told = evaluator.evaluate(run).get("q", dict.fromkeys(names, 0.0))
    assert [found[name] for name in (NDCG, "P@10", "RR", "R@100", "bpref")] == pytest.approx(
        [told[n] for n in ("ndcg_cut_10", "P_10", "recip_rank", "recall_100", "bpref")]
    )


@given(qrels=GRADES, ranking=RANKINGS)
def test_condensed_is_what_trec_eval_calls_judged_docs_only(qrels, ranking):
    found = values(qrels, ranking)

    gains = {"q": {doc_id: 2**grade - 1 for doc_id, grade in qrels.items()}}
    run = {"q": {doc_id: float(-rank) for rank, doc_id in enumerate(ranking)}}
    named = ir_measures.nDCG(judged_only=True) @ 10
    told = {m.query_id: m.value for m in ir_measures.iter_calc([named], gains, run)}
    assert found[CONDENSED] == pytest.approx(told.get("q", 0.0))


@pytest.mark.skipif(shutil.which("perl") is None, reason="gdeval is a Perl program")
def test_trecs_own_gdeval_agrees():
    """A program of its own, with exponential gain built in; it rounds to five digits."""
    qrels = {
        "1": {"a": 3, "b": 2, "c": 1, "d": 0, "e": 2},
        "2": {"a": 1, "b": 1},
        "3": {"k": 2, "l": 3},
    }
    rankings = ranked(**{"1": ["x", "b", "d", "a"], "2": ["x", "y", "b", "a"], "3": ["l", "k"]})

    measured = measure(collection(qrels), rankings, depth=10)[NDCG]

    run = {q: {d: 10.0 - n for n, d in enumerate(r.doc_ids)} for q, r in rankings.items()}
    named = ir_measures.nDCG(dcg="exp-log2") @ 10
    told = {m.query_id: m.value for m in ir_measures.gdeval.iter_calc([named], qrels, run)}
    assert measured == pytest.approx(told, abs=1e-5)

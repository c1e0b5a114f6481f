"""Figures in tables and charts."""

import re
from dataclasses import replace

from qrmiddleware.evaluation.comparison import compare
from qrmiddleware.evaluation.report.summary import (
    deltas_of,
    deltas_section,
    differences_table,
    meanings_list,
    means_table,
    quality_section,
)
from qrmiddleware.evaluation.report.wording import NONE

MAIN = "nDCG@10 condensed"


def rows(markup):
    return [
        re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", row)).strip()
        for row in re.findall(r"<tr.*?</tr>", markup)
    ]


def test_differences_stand_with_interval_and_counts(evaluation):
    table = rows(differences_table(evaluation, evaluation.arms[1], MAIN))

    assert table[0] == "measure alone with rules difference 95 % interval p better / same / worse"
    assert table[2].startswith("nDCG@10 condensed 0.667 0.667 0.000 ")
    assert table[2].endswith("1 / 1 / 1")


def test_latencies_stand_below_the_measures(evaluation):
    assert "p50, ms 6.0 12.0 +6.0" in rows(differences_table(evaluation, evaluation.arms[1], MAIN))


def test_means_mark_what_is_better_beyond_chance(evaluation):
    (nothing,) = (d for d in evaluation.differences if d.measure == "nothing found")
    sure = replace(nothing, low=0.1, high=0.9)
    others = tuple(d for d in evaluation.differences if d is not nothing)

    table = rows(means_table(replace(evaluation, differences=(*others, sure)), MAIN))

    assert table[0] == "measure alone with rules"
    assert "nothing found 0.000 0.333 ▼" in table
    assert "p95, ms 6.9 12.0" in table


def test_the_chart_of_quality_tells_what_its_marks_are(evaluation):
    section = quality_section(evaluation, MAIN)

    assert "Quality against latency" in section
    assert "Hollow marks: nDCG@10." in section


def test_without_latency_or_a_second_ndcg_there_is_less_to_tell(evaluation):
    arms = tuple(replace(arm, latency_ms={}) for arm in evaluation.arms)

    section = quality_section(replace(evaluation, arms=arms), "RR")

    assert ">Quality<" in section
    assert "Hollow" not in section


def test_one_query_has_no_interval(evaluation):
    judged = evaluation.judged.only(evaluation.judged.queries[:1])
    arms = tuple(
        replace(arm, by_query={m: {"q1": v["q1"]} for m, v in arm.by_query.items()})
        for arm in evaluation.arms
    )
    alone = replace(evaluation, judged=judged, arms=arms, differences=compare(arms))

    assert "<svg" in quality_section(alone, MAIN)
    assert NONE in differences_table(alone, arms[1], MAIN)


def test_every_query_has_its_difference(evaluation):
    first, second = evaluation.arms

    deltas = deltas_of(evaluation.judged, first, second, MAIN)

    assert [delta.query.query_id for delta in deltas] == ["q1", "q2", "q3"]
    assert [round(delta.difference, 3) for delta in deltas] == [0.0, 1.0, -1.0]
    assert "2 of 3 queries change" in deltas_section(evaluation, second, MAIN)


def test_says_what_measures_mean(evaluation):
    assert "discounted by rank" in meanings_list(evaluation)

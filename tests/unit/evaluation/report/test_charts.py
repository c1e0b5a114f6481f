"""What charts draw, and name."""

import re

import pytest

from qrmiddleware.evaluation.collection import JudgedQuery
from qrmiddleware.evaluation.comparison import QueryDelta
from qrmiddleware.evaluation.report.charts import (
    MOST_BARS,
    ArmPoint,
    delta_chart,
    for_screens,
    quality_chart,
)


def make_deltas(*differences):
    return [
        QueryDelta(JudgedQuery(f"q{n}", f"query {n}"), 0.5, 0.5 + d, d)
        for n, d in enumerate(differences)
    ]


def bars(svg):
    return re.findall(r'<rect x="([\d.]+)" y="([\d.]+)".*?class="(\w+)">.*?<title>', svg) or (
        re.findall(r'<rect x="([\d.]+)" y="([\d.]+)"[^>]*class="(\w+)"', svg)
    )


def labels(svg):
    return re.findall(r'class="query">([^<]*)<', svg)


def test_arms_have_a_mark_a_whisker_and_a_name():
    points = [
        ArmPoint("alone", 0.6, 0.5, 0.7, beside=0.55, p50=2.0, p95=4.0),
        ArmPoint("rules", 0.8, 0.7, 0.9, beside=0.75, p50=3.0, p95=9.0),
    ]

    svg = quality_chart(points, "nDCG@10 condensed", "nDCG@10", width=760)

    assert svg.count('class="mark"') == svg.count('class="hollow"') == 2
    assert ">alone<" in svg
    assert "rules: 0.800 (0.700 to 0.900), p50 3.0 ms, p95 9.0 ms" in svg
    assert "latency in ms" in svg


def test_arms_that_were_not_timed_stand_beside_each_other():
    points = [ArmPoint(f"arm {n}", 0.5, 0.5, 0.5) for n in range(3)]

    svg = quality_chart(points, "RR", "", width=350)

    assert "latency" not in svg
    assert len(set(re.findall(r'cx="([\d.]+)" cy="[\d.]+" r="6"', svg))) == 3


def test_a_long_name_is_cut_and_still_told():
    point = ArmPoint("x" * 99, 0.5, 0.4, 0.6, p50=1.0, p95=2.0)

    svg = quality_chart([point], "RR", "", width=350)

    assert f">{'x' * 13}…<" in svg
    assert "x" * 99 in svg


def test_bars_stand_from_best_to_worst_and_ties_have_none():
    svg = delta_chart(make_deltas(-0.2, 0.0, 0.5, 0.1), lower_is_better=False, width=760)

    assert [kind for _, _, kind in bars(svg)] == ["better", "better", "worse"]
    assert labels(svg) == ["query 2", "query 3", "query 0"]


def test_where_lower_is_better_a_fall_is_good():
    svg = delta_chart(make_deltas(-1.0, 1.0), lower_is_better=True, width=760)

    assert [kind for _, _, kind in bars(svg)] == ["better", "worse"]
    assert labels(svg) == ["query 0", "query 1"]


def test_only_extremes_are_named():
    svg = delta_chart(
        make_deltas(*(n / 100 for n in range(-20, 21))), lower_is_better=False, width=760
    )

    assert len(labels(svg)) == 10
    assert labels(svg)[0] == "query 40"
    assert labels(svg)[5] == "query 0"


def test_many_queries_are_drawn_as_some_hundred_bars():
    deltas = make_deltas(*((n - 1500) / 3000 for n in range(3001)))

    svg = delta_chart(deltas, lower_is_better=False, width=350)

    assert MOST_BARS - 2 <= len(bars(svg)) <= MOST_BARS
    assert labels(svg)[0] == "query 3000"


@pytest.mark.parametrize("deltas", [[], make_deltas(0.0, 0.0)])
def test_nothing_changed_is_an_empty_chart(deltas):
    svg = delta_chart(deltas, lower_is_better=False, width=350)

    assert bars(svg) == []
    assert svg.startswith("<svg")


def test_every_chart_comes_for_screens_and_telephones():
    drawn = for_screens(lambda width: delta_chart([], lower_is_better=False, width=width))

    assert 'class="chart wide"' in drawn
    assert 'viewBox="0 0 350 320"' in drawn

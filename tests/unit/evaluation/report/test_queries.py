"""Queries one by one."""

import re
from dataclasses import replace

from qrmiddleware.evaluation.comparison import score_run
from qrmiddleware.evaluation.rankings import Ranking
from qrmiddleware.evaluation.report.queries import (
    MOST_LISTED,
    attribution_section,
    extremes_section,
    troubles_section,
)
from qrmiddleware.evaluation.rewriting import RewriteValue, RewriteYield

MAIN = "nDCG@10 condensed"


def shown(markup):
    """The text of a piece of markup."""
    return " ".join(re.sub(r"<[^>]+>", " ", markup).split())


def test_rankings_stand_side_by_side_with_grades_and_who_found_what(evaluation):
    section = shown(extremes_section(evaluation, evaluation.arms[1], MAIN, 10))

    gained = section.partition("“with rules” gained most")[2].partition("lost most")[0]
    assert "“sneakers” q2 0.000 → 1.000 +1.000" in gained
    assert "“with rules” also searched for “trainers”" in gained
    assert "alone 1 ? Title of y y" in gained
    assert "with rules , 2 hits 1 ●●○ Title of c c trainers new 2 ? Title of y y ▼ from 1" in gained


def test_a_failed_answer_is_told_where_it_cost_most(evaluation):
    section = shown(extremes_section(evaluation, evaluation.arms[1], MAIN, 10))

    assert "No answer: HTTP 503" in section.partition("lost most")[2]


def test_no_more_queries_are_shown_than_wished(evaluation):
    assert extremes_section(evaluation, evaluation.arms[1], MAIN, 0).count("<details") == 0


def test_says_that_nothing_changed(evaluation):
    first = evaluation.arms[0]
    same = replace(first, run=replace(first.run, name="same"))

    section = shown(extremes_section(evaluation, same, MAIN, 10))

    assert "No query gained." in section
    assert "No query lost." in section


def test_troubles_are_listed_by_arm(evaluation):
    section = shown(troubles_section(evaluation))

    assert "“with rules”: no answer 1 “toner” HTTP 503" in section
    assert "“with rules”: degraded answers 1 “sneakers” rules;late" in section
    assert "“alone”" not in section


def test_queries_that_were_left_out_because_they_failed_are_listed_too(evaluation):
    judged = evaluation.judged.only(evaluation.judged.queries[:2])
    arms = tuple(score_run(judged, arm.run) for arm in evaluation.arms)

    section = shown(troubles_section(replace(evaluation, judged=judged, arms=arms)))

    assert "“with rules”: no answer 1 “q3” HTTP 503" in section


def test_nothing_found_is_listed_and_long_lists_end(evaluation):
    first = evaluation.arms[0]
    rankings = {f"q{n}": Ranking(f"q{n}", ()) for n in range(MOST_LISTED + 7)}
    empty = replace(first, run=replace(first.run, rankings=rankings))

    section = shown(troubles_section(replace(evaluation, arms=(empty,))))

    assert f"“alone”: nothing found {MOST_LISTED + 7}" in section
    assert "and 7 more" in section


def test_no_trouble_is_said(evaluation):
    section = troubles_section(replace(evaluation, arms=evaluation.arms[:1]))

    assert "None: every arm answered every query in full." in section


def test_rewrites_stand_with_what_only_they_found(evaluation):
    section = shown(attribution_section(evaluation, evaluation.arms[1]))

    assert "1 rewrites; 1 hits were found by one of them alone, of these 1 are" in section
    assert "sneakers trainers 1 1 1 0 0" in section
    assert attribution_section(evaluation, evaluation.arms[0]) is None


def test_rewrites_that_were_valued_stand_with_their_value(evaluation):
    (told,) = evaluation.arms[1].attribution
    value = RewriteValue(0.25, 1.5, 2.5, hit_rate=0.125)
    yields = (replace(told, value=value), replace(told, rewrite="never asked", unjudged=9))
    arm = replace(evaluation.arms[1], attribution=yields)

    section = shown(attribution_section(evaluation, arm))

    assert "unjudged relevance share increment hit rate" in section
    assert "sneakers trainers 1 1 1 0 0 0.250 1.500 0.125" in section
    assert "never asked 1 1 1 0 9" in section


def test_the_rewrites_that_brought_most_come_first_and_the_rest_is_counted(evaluation):
    yields = tuple(RewriteYield("q1", f"w{n}", n, (), n, 0, 0) for n in range(60))
    arm = replace(evaluation.arms[1], attribution=yields)

    section = shown(attribution_section(evaluation, arm))

    assert section.index("w59") < section.index("w58")
    assert "w3 " not in section
    assert "The first 40 are shown." in section

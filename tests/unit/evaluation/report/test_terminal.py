"""What the terminal shows."""

from dataclasses import replace

import pytest
from rich.console import Console

from qrmiddleware.evaluation.comparison import Evaluation, compare
from qrmiddleware.evaluation.report.terminal import terminal_tables


def printed(evaluation, **options):
    console = Console(width=100, record=True, file=open("/dev/null", "w"))  # noqa: PTH123, SIM115
    for shown in terminal_tables(evaluation, **options):
        console.print(shown)
    console.file.close()
    return " ".join(console.export_text().split())


def test_shows_means_differences_queries_verdict_and_warning(evaluation):
    shown = printed(evaluation)

    assert "nDCG@10 condensed 0.667 0.667" in shown
    assert "p50, ms 6.0 12.0" in shown
    assert "3 of 4 queries are measured" in shown
    assert "“with rules” against “alone”" in shown
    assert "1 / 1 / 1" in shown
    assert "sneakers 0.000 1.000 +1.000" in shown
    assert "“with rules” and “alone” cannot be told apart" in shown
    assert "`qrm eval pool` writes the unjudged hits" in shown


def test_what_looks_like_markup_of_the_console_is_shown(evaluation):
    queries = tuple(replace(q, text="[red]sofa[/]") for q in evaluation.judged.queries)
    judged = replace(evaluation.judged, queries=queries)

    shown = printed(replace(evaluation, judged=judged, title="[bold]x"))

    assert "[red]sofa[/]" in shown
    assert "[bold]x" in shown


def test_several_arms_have_corrected_p_values(evaluation):
    first, second = evaluation.arms
    arms = (first, second, replace(second, run=replace(second.run, name="third")))

    assert "p (Holm)" in printed(replace(evaluation, arms=arms, differences=compare(arms)))


def test_queries_may_be_left_out(evaluation):
    assert "gained and lost most" not in printed(evaluation, count=0)
    first = evaluation.arms[0]
    same = (first, replace(first, run=replace(first.run, name="same")))
    assert "lost most" not in printed(replace(evaluation, arms=same, differences=compare(same)))


def test_nothing_is_shown_of_nothing(evaluation):
    assert "mean" in printed(Evaluation("", evaluation.judged, ()))


def test_a_measure_that_was_not_measured_is_an_error(evaluation):
    with pytest.raises(ValueError, match="was not measured"):
        terminal_tables(evaluation, measure="MAP")

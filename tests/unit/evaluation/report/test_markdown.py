"""The report as Markdown."""

import re
from dataclasses import replace

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qrmiddleware.evaluation.comparison import compare
from qrmiddleware.evaluation.report.markdown import markdown_page, plain, write_markdown


def test_holds_verdict_warning_figures_queries_and_conditions(evaluation, tmp_path):
    write_markdown(evaluation, tmp_path / "deep" / "r.md")

    page = (tmp_path / "deep" / "r.md").read_text(encoding="utf-8")
    assert page.startswith("# Rules on shoes\n\n“with rules” and “alone” cannot be told apart")
    assert "> The share of judged hits" in page
    assert "| nDCG@10 condensed | 0.667 | 0.667 |" in page
    assert "| p50, ms | 6.0 | 12.0 |" in page
    assert "| sneakers | trainers | 0.000 | 1.000 | +1.000 |" in page
    assert "| with rules | 1 | 1 | 0 |" in page
    assert "## Rewrites of “with rules”\n\n| rewrites | queries |" in page
    assert "| 1 | 1 | 1 | 1 | 0 | 0 |  |  |  |  |" in page
    assert "- **engine**: http://es:9200" in page
    assert "secret" not in page


def test_several_arms_have_corrected_p_values(evaluation):
    first, second = evaluation.arms
    arms = (first, second, replace(second, run=replace(second.run, name="third")))

    page = markdown_page(replace(evaluation, arms=arms, differences=compare(arms)))

    assert "| p (Holm) |" in page


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text())
def test_no_text_changes_lines_or_columns(evaluation, told):
    def shape(text):
        queries = tuple(replace(query, text=text) for query in evaluation.judged.queries)
        changed = replace(evaluation, judged=replace(evaluation.judged, queries=queries))
        lines = markdown_page(changed).split("\n")
        return [len(re.findall(r"(?<!\\)(?:\\\\)*\|", line)) for line in lines]

    assert shape(told) == shape("x")


@given(st.text())
def test_every_sign_of_markdown_is_escaped(told):
    bare = re.sub(r"\\.", "", plain(told))

    assert not set(bare) & set("`*_[]<>|\n")

"""The page as a browser gets it."""

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qrmiddleware.evaluation.comparison import Evaluation, compare
from qrmiddleware.evaluation.report.page import html_page, write_html

TROUBLE = (
    "</title></style></script></svg><script>alert(1)</script><img src=x onerror=alert(1)>"
    "\" onmouseover=\"alert(1)' x='&lt;&#x3c;]]><!--"
)


class Structure(HTMLParser):
    """Elements and the names of their attributes, in order."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def handle_starttag(self, tag, attrs):
        self.seen.append((tag, tuple(name for name, _ in attrs)))

    def handle_endtag(self, tag):
        self.seen.append(f"/{tag}")

    def handle_comment(self, data):
        self.seen.append("comment")


def structure(page):
    parser = Structure()
    parser.feed(page)
    parser.close()
    return parser.seen


def with_text(evaluation, told):
    """Put a text wherever a text of data can stand."""

    def of_hit(hit):
        return replace(hit, title=told, found_by=tuple(told for _ in hit.found_by))

    def of_ranking(ranking):
        hits = tuple(map(of_hit, ranking.hits))
        problem = told if ranking.problem else ""
        degraded = told if ranking.degraded else ""
        rewrites = tuple(told for _ in ranking.rewrites)
        return replace(ranking, hits=hits, problem=problem, degraded=degraded, rewrites=rewrites)

    def of_arm(arm, name):
        rankings = {key: of_ranking(ranking) for key, ranking in arm.run.rankings.items()}
        run = replace(arm.run, name=name, rankings=rankings, asked=told)
        attribution = tuple(replace(each, rewrite=told) for each in arm.attribution)
        return replace(arm, run=run, attribution=attribution)

    first, second = evaluation.arms
    arms = (of_arm(first, "first"), of_arm(second, told))
    queries = tuple(replace(query, text=told) for query in evaluation.judged.queries)
    judged = replace(evaluation.judged, queries=queries)
    return Evaluation(told, judged, arms, compare(arms), {"a": told, "b": "c"})


SAFE = st.text(min_size=1).filter(str.strip)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(SAFE | st.just(TROUBLE) | st.text("<>\"'&/!-=scriptyle ", min_size=1).filter(str.strip))
def test_no_text_of_any_query_title_or_name_changes_the_page(evaluation, told):
    plain = structure(html_page(with_text(evaluation, "x")))

    assert structure(html_page(with_text(evaluation, told))) == plain


def test_trouble_is_shown_as_it_was_written(evaluation):
    page = html_page(with_text(evaluation, TROUBLE))

    assert "<script" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_the_page_needs_nothing_else(evaluation):
    page = html_page(evaluation)

    assert page.startswith('<!doctype html>\n<html lang="en">')
    assert "default-src &#x27;none&#x27;" in page
    assert not re.search(r"""(?:src|href)=["'](?!#)|url\(|@import""", page)
    assert "<script" not in page


def test_no_password_is_shown(evaluation):
    assert "secret" not in html_page(evaluation)


def test_every_link_leads_to_a_section(evaluation):
    page = html_page(evaluation)

    anchors = set(re.findall(r'href="#(\w+)"', page))
    assert anchors == {"figures", "quality", "queries", "rewrites", "troubles", "conditions"}
    assert anchors <= set(re.findall(r'id="(\w+)"', page))


def test_condensed_stands_beside_raw_with_the_share_of_judged_hits_and_a_warning(evaluation):
    page = html_page(evaluation)

    rows = re.findall(r'<th scope="row"[^>]*>([^<]+)<', page)
    assert rows[:3] == ["nDCG@10", "nDCG@10 condensed", "Judged@10"]
    assert "<code>qrm eval pool</code>" in page


def test_one_arm_alone_is_not_compared(evaluation):
    page = html_page(replace(evaluation, arms=evaluation.arms[:1], differences=()))

    assert "Query by query" not in page
    assert "0.667" in page


def test_several_arms_have_a_table_of_means_and_corrected_p_values(evaluation):
    first, second = evaluation.arms
    arms = (first, second, replace(second, run=replace(second.run, name="third")))

    page = html_page(replace(evaluation, arms=arms, differences=compare(arms)))

    assert "p (Holm)" in page
    assert "“third” against “alone”" in page


def test_nothing_measured_is_a_page_too(evaluation):
    judged = evaluation.judged.only([])

    assert "0 judged queries" in html_page(Evaluation("", judged, ()))


def test_a_wish_for_another_measure(evaluation, tmp_path):
    write_html(evaluation, tmp_path / "deep" / "r.html", measure="RR", count=1)

    page = (tmp_path / "deep" / "r.html").read_text(encoding="utf-8")
    assert re.search(r'<tr class="main"><th scope="row"[^>]*>RR<', page)
    with pytest.raises(ValueError, match="was not measured"):
        write_html(evaluation, tmp_path / "r.html", measure="MAP")

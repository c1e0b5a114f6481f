import json
import re

import msgspec
import pytest
from rich.console import Console

from qrmiddleware.demo.judgments import JudgedQuery
from qrmiddleware.demo.report import (
    Measured,
    comparison_table,
    curl_command,
    means_table,
    page_data,
    python_program,
    summarise,
    told_of_reranking,
)


def printed(table, width=100):
    console = Console(width=width)
    with console.capture() as capture:
        console.print(table)
    return capture.get()


def measured(kind, before, after, remedy="", *, unranked=None, fold=0):
    return Measured(JudgedQuery("Q1", "words", kind, remedy, fold=fold), before, unranked, after)


def reply(*titles):
    hits = [{"_id": title, "_source": {"title": title}} for title in titles]
    return {"hits": {"total": {"value": len(titles), "relation": "eq"}, "hits": hits}}


RUN = [
    measured("head", 0.5, 1.0),
    measured("gap", 0.0, 0.8, "rules"),
    measured("gap", 0.2, 0.2, "unsolved"),
    measured("head", 0.9, 0.7),
]


RERANKED = [
    measured("head", 0.5, 1.0, unranked=0.8),
    measured("misspelling", 0.0, 0.6, "unsolved", unranked=0.7, fold=3),
    measured("head", 0.2, 0.9, unranked=0.8, fold=3),
]


def test_means_are_taken_over_all_and_over_each_sort_of_search():
    summary = summarise(RUN)
    total, groups = summary.total, summary.groups

    assert (total.unranked, summary.unseen) == (None, None)
    assert (total.before, total.after) == pytest.approx((0.4, 0.675))
    assert (total.count, total.better, total.worse) == (4, 2, 1)
    assert [(g.name, g.count) for g in groups] == [
        ("head", 2),
        ("gap (rules)", 1),
        ("gap (unsolved)", 1),
    ]


def test_the_means_fit_a_narrow_terminal_whole():
    text = printed(means_table(summarise([*RUN, measured("misspelling", 0, 1, "unsolved")])), 80)

    assert "…" not in text
    assert "misspelling (unsolved)" in text
    assert "+0.800" in text


def test_what_reranking_adds_has_a_column_of_its_own_and_fits_too():
    text = printed(means_table(summarise(RERANKED, seen={0, 1, 2})), 80)

    assert "…" not in text
    assert re.search(r"misspelling \(unsolved\) +1 +0.000 +0.700 +0.600 +1 +0", text)
    assert re.search(r"all +3 +0.233 +0.767 +0.833 +3 +0", text)
    assert re.search(r"all it has not seen +2 +0.100 +0.750 +0.750 +2 +0", text)


def test_what_the_student_has_not_seen_is_told_apart():
    summary = summarise(RERANKED, seen={0, 1, 2})

    told = told_of_reranking(summary, "crsd")

    assert (summary.unseen.count, summary.unseen.unranked) == (2, 0.75)
    assert told.startswith("The student of crsd was trained")
    assert "judgments of 1 of these searches" in told
    assert "+0.067 over all of them" in told
    assert "+0.000 over the 2 that neither it nor its teacher has seen" in told


def test_nothing_is_told_of_reranking_where_nothing_reranks():
    assert told_of_reranking(summarise(RUN), "crsd") == ""


def test_a_comparison_shows_hits_and_judgments_side_by_side():
    table = comparison_table("sneakers", reply(), reply("trainers", "laces"), {"trainers": 3})

    text = printed(table)
    assert "“sneakers”" in text
    assert "nothing found" in text
    assert "●●● trainers" in text
    assert "○○○ laces" in text
    assert "2 hits, nDCG@10 1.00" in text


def test_titles_are_shown_as_they_are():
    assert "[red]12[/] sofa" in printed(
        comparison_table("x", reply(), reply("[red]12[/] sofa"), {})
    )


def test_the_curl_command_carries_a_whole_body():
    command = curl_command("http://127.0.0.1:1", "men's sofa")

    assert command.startswith("curl -s 'http://127.0.0.1:1/qrm-demo/_search")
    assert "'men'" not in command.partition("-d ")[2]


@pytest.mark.parametrize(
    ("engine", "module"),
    [("the embedded engine", "elasticsearch"), ("opensearch 3", "opensearchpy")],
)
def test_the_python_program_is_for_the_engines_own_client(engine, module):
    program = python_program("http://127.0.0.1:1", "sofa", engine=engine)

    compile(program, "program", "exec")
    assert program.startswith(f"from {module} import ")


def test_the_page_is_given_what_it_asks_for(stock):
    told = page_data(
        stock,
        summarise(RERANKED, seen={0}),
        engine="e",
        examples=["sofa"],
        students=["crsd", "walmart_kd"],
    )

    data = json.loads(msgspec.json.encode(told))
    assert data["judgments"]["sneakers"] == stock.grades("sneakers")
    assert data["report"]["all"]["count"] == 3
    assert data["report"]["unseen"]["count"] == 2
    assert data["report"]["told"].startswith("The student of crsd was trained on this catalogue")
    assert data["report"]["groups"][0]["name"] == "head"
    assert data["placeholder"] in json.dumps(data["body"])
    assert list(data["pipelines"].items()) == [
        ("crsd", "shop_crsd"),
        ("walmart_kd", "shop_walmart_kd"),
        ("nothing", "unranked"),
    ]


def test_the_page_offers_no_student_where_none_reranks(stock):
    data = page_data(stock, summarise(RUN), engine="e", examples=["sofa"])

    assert (data["pipelines"], data["report"]["told"]) == ({}, "")

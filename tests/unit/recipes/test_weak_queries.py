from dataclasses import replace

import pytest
import tenacity

from qrmiddleware.distill.rewriting.row_files import read_rows
from qrmiddleware.evaluation.collection import JudgedQueries, JudgedQuery
from qrmiddleware.recipes.feedback.engine import engine_arm
from qrmiddleware.recipes.feedback.giving import System
from qrmiddleware.recipes.feedback.judges import JudgmentsOf, Nobody
from qrmiddleware.recipes.feedback.offline import OfflineOptions
from qrmiddleware.recipes.feedback.working import GivenUpError
from qrmiddleware.recipes.query_log import Logged
from qrmiddleware.recipes.weak_queries import (
    Bounds,
    SearchedQuery,
    WeakStore,
    find_weak,
    read_weak,
    stratum_of,
    weakness_of,
)

TWO = Bounds(few_results=2)


@pytest.fixture
def system(search_server):
    """An engine with six products; of what ``shoe`` and ``red`` find, some is relevant."""
    url, _, index = search_server.url.rpartition("/")
    queries = tuple(JudgedQuery(text, text) for text in ("shoe", "red", "green"))
    qrels = {"shoe": {"d1": 1, "d2": 1, "d5": 1}, "red": {"d1": 1}, "green": {"d1": 1}}
    judge = JudgmentsOf(JudgedQueries(queries, qrels), "people")
    options = OfflineOptions(attempts=1, wait=tenacity.wait_none(), concurrency=1)
    return System(engine_arm(url, index, fields=("title",)), judge, options)


@pytest.fixture
def find(tmp_path):
    def run(system, *texts, bounds=TWO):
        file = tmp_path / "weak.jsonl"
        with WeakStore(file) as store:
            tally = find_weak(system, [Logged(text, 7) for text in texts], store, bounds)
        return {row.query: row for row in read_rows(file, SearchedQuery)}, tally

    return run


@pytest.mark.parametrize(
    ("relevant", "found", "stratum"),
    [
        (None, 5, ""),
        (0, 0, "tail"),
        (0, 9, "tail"),
        (1, 10, "torso"),
        (7, 10, "torso"),
        (8, 10, "top"),
    ],
)
def test_strata_are_parted_as_in_the_paper(relevant, found, stratum):
    assert stratum_of(relevant, found) == stratum


@pytest.mark.parametrize(
    ("total", "relevant", "weak"),
    [
        (9, 9, "few results"),
        (10, 3, ""),
        (10, 2, "irrelevant results"),
        (10, None, ""),
        (9, None, "few results"),
    ],
)
def test_a_query_is_weak_by_too_few_or_too_irrelevant_results(total, relevant, weak):
    assert weakness_of(total, total, relevant, few=10, irrelevant=0.7) == weak


def test_few_is_scaled_to_the_catalogue_as_the_paper_has_it():
    assert Bounds().few(100_000_000) == 10_000
    assert Bounds().few(15_000) == 10
    assert Bounds(few_results=3, few_share=0.5).few(5) == 3


def test_queries_are_searched_and_said_to_be_weak(system, find, tmp_path):
    rows, tally = find(system, "shoe", "red", "green", "boots")

    assert {query: (row.weak, row.stratum) for query, row in rows.items()} == {
        "shoe": ("", "top"),
        "red": ("", "torso"),
        "green": ("few results", "tail"),
        "boots": ("few results", ""),
    }
    shoe = rows["shoe"]
    assert (shoe.count, shoe.total, shoe.found, shoe.relevant) == (7, 3, 3, 3)
    assert "few < 2 or 0.0001; irrelevant > 0.7" in shoe.by
    assert tally.weak == {"few results": 2}
    assert tally.strata == {"top": 1, "torso": 1, "tail": 1}
    assert {row.query for row in read_weak(tmp_path / "weak.jsonl")} == {"green", "boots"}


def test_irrelevant_results_make_a_query_weak(system, find):
    rows, _ = find(system, "red", bounds=Bounds(few_results=1, irrelevant=0.4))

    assert rows["red"].weak == "irrelevant results"


def test_where_nobody_judges_only_few_results_count(system, find):
    rows, _ = find(replace(system, judge=Nobody()), "red", "green")

    assert (rows["red"].weak, rows["red"].relevant) == ("", None)
    assert rows["green"].weak == "few results"


def test_a_share_of_the_catalogue_may_be_too_few(system, find):
    rows, _ = find(system, "shoe", bounds=Bounds(few_results=1, few_share=0.6))

    assert rows["shoe"].weak == "few results"  # 3 of 6, and 4 would be enough


def test_what_was_searched_is_not_searched_again_unless_bounds_differ(system, find, search_server):
    find(system, "shoe", "red")
    asked = len(search_server.searches)

    _, tally = find(system, "SHOE", "red", "green")
    assert (tally.known, tally.searched) == (2, 1)
    assert len(search_server.searches) == asked + 2  # a count, and green

    assert find(system, "shoe", bounds=Bounds(few_results=4))[1].known == 0


def test_of_several_lines_of_a_query_the_last_counts(system, find, tmp_path):
    find(system, "shoe", bounds=Bounds(few_results=4))
    assert [row.query for row in read_weak(tmp_path / "weak.jsonl")] == ["shoe"]

    find(system, "shoe", bounds=Bounds(few_results=2))
    assert list(read_weak(tmp_path / "weak.jsonl")) == []


def test_an_engine_that_fails_midway_is_gone_on_with_later(system, find, search_server):
    search_server.broken["green"] = (503, "busy")
    with pytest.raises(GivenUpError, match="1 queries in a row failed"):
        find(replace(system, give_up_after=1), "shoe", "green", "red")

    search_server.broken.clear()
    rows, tally = find(system, "shoe", "green", "red")

    assert (tally.known, tally.searched, len(rows)) == (1, 2, 3)


def test_a_query_that_the_engine_refuses_has_a_problem_and_is_not_weak(system, find, search_server):
    search_server.broken["green"] = (400, {"error": {"reason": "no"}})

    rows, tally = find(system, "green")

    assert rows["green"].problem.startswith("the engine refused it: ")
    assert rows["green"].weak == ""
    assert tally.problems == 1

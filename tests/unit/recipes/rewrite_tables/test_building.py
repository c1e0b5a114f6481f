import json
from dataclasses import replace

import msgspec
import pytest

from qrmiddleware.recipes.feedback.working import GivenUpError
from qrmiddleware.recipes.rewrite_tables.building import BuildReport, Work, build_table
from qrmiddleware.recipes.rewrite_tables.choosing import Choosing
from qrmiddleware.recipes.rewrite_tables.importing import Target, run_table
from qrmiddleware.recipes.rewrite_tables.proposers import FileProposer
from qrmiddleware.recipes.weak_queries import SearchedQuery

PROPOSED = {
    "sneakers": ["trainers", "Sneakers", "hat", "shoe"],
    "kicks": ["green trainers"],
    "cap": ["trainers"],
    "boots": ["shoe"],
}


class Counting:
    """Proposes from a file, and counts what it is asked."""

    def __init__(self, file):
        self._inner = FileProposer(file)
        self.by = self._inner.by
        self.asked = []

    def propose(self, queries):
        self.asked += queries
        return self._inner.propose(queries)

    def close(self):
        pass


@pytest.fixture
def propose(tmp_path):
    def make(proposed=PROPOSED):
        file = tmp_path / "proposed.jsonl"
        rows = (
            {"query": query, "candidates": [{"text": text} for text in texts]}
            for query, texts in proposed.items()
        )
        file.write_text("".join(json.dumps(row) + "\n" for row in rows))
        return Counting(file)

    return make


@pytest.fixture
def build(tmp_path, system):
    def run(proposer, *queries, system=system, **more):
        weak = [SearchedQuery(query=query, weak="few results", stratum="tail") for query in queries]
        target = Target(str(tmp_path / "rewrites.sqlite"))
        choosing = more.pop("choosing", Choosing())
        return build_table(
            Work(tmp_path / "work"),
            weak,
            proposer,
            system,
            choosing=choosing,
            target=target,
            **more,
        )

    return run


@pytest.fixture
def content(tmp_path):
    def read():
        file = tmp_path / "read.tsv"
        run_table("export", str(tmp_path / "rewrites.sqlite"), str(file))
        return file.read_text().splitlines()[1:]

    return read


def test_weak_queries_get_the_rewrites_that_the_engine_bears_out(build, propose, content, tmp_path):
    seen = []

    report = build(
        propose(), "sneakers", "kicks", "cap", "boots", "hats", watch=lambda *now: seen.append(now)
    )

    assert content() == [
        "kicks\tgreen trainers\t0.666667",
        "sneakers\tshoe\t0.666667",
        "sneakers\ttrainers\t0.666667",
    ]
    assert (report.weak, report.proposed, report.valued, report.repaired) == (5, 4, 3, 2)
    assert report.problems == {"the judge does not know the query": 1}
    assert report.refused == {"echo": 1, "below min relevance": 2}
    assert (report.candidates, report.rewrites, report.table_queries) == (6, 3, 2)
    assert report.strata == {"tail": {"weak": 5, "repaired": 2}}
    assert report.increment == 2.0
    assert ("proposing", 5, 5) in seen
    assert seen[-1] == ("searching", 4, 4)
    kept = (tmp_path / "work" / "report.json").read_bytes()
    assert msgspec.json.decode(kept, type=BuildReport) == report


def test_only_what_is_new_is_worked_on_and_the_rest_stays(build, propose, content, search_server):
    proposer = propose()
    build(proposer, "sneakers")
    asked, before = len(search_server.searches), content()

    report = build(proposer, "kicks", "Sneakers")

    assert proposer.asked == ["sneakers", "kicks"]
    assert len(search_server.searches) == asked + 2
    assert set(before) < set(content())
    assert (report.weak, report.repaired, report.kept) == (2, 2, 0)
    assert build(proposer, "cap").kept == 2
    assert len(content()) == 3


def test_spellings_of_one_query_are_worked_on_once(build, propose, search_server):
    proposer = propose()

    report = build(proposer, "kicks", "KICKS", " kicks")

    assert proposer.asked == ["kicks"]
    assert len(search_server.searches) == 2
    assert (report.weak, report.repaired) == (1, 1)


def test_a_refreshed_build_asks_everybody_again(build, propose, content, search_server):
    proposer = propose()
    build(proposer, "sneakers")
    asked, before = len(search_server.searches), content()

    build(proposer, "sneakers", refresh=True)

    assert proposer.asked == ["sneakers", "sneakers"]
    assert len(search_server.searches) == 2 * asked
    assert content() == before


def test_another_generator_replaces_what_the_former_one_proposed(build, propose, content):
    build(propose(), "sneakers", "kicks")

    build(propose({"sneakers": ["blue shoe"], "kicks": []}), "sneakers", "kicks")

    assert content() == [
        "kicks\tgreen trainers\t0.666667",  # nothing better is known
        "sneakers\tblue shoe\t0.666667",
    ]


def test_another_engine_is_asked_anew(build, propose, search_server, system):
    proposer = propose()
    build(proposer, "sneakers")
    asked = len(search_server.searches)

    build(proposer, "sneakers", system=replace(system, version="2"))

    assert proposer.asked == ["sneakers"]
    assert len(search_server.searches) == 2 * asked


def test_other_bounds_need_no_search(build, propose, content, search_server):
    proposer = propose()
    build(proposer, "sneakers")
    asked = len(search_server.searches)

    build(proposer, "sneakers", choosing=Choosing(at_most=1, objective="rele"))

    assert content() == ["sneakers\ttrainers\t1.0"]
    assert len(search_server.searches) == asked


def test_an_upstream_that_fails_midway_is_gone_on_with(
    build, propose, content, search_server, system
):
    proposer = propose()
    search_server.broken["kicks"] = (503, "busy")
    with pytest.raises(GivenUpError):
        build(
            proposer,
            "sneakers",
            "kicks",
            system=replace(system, give_up_after=1, options=replace(system.options, concurrency=1)),
        )
    asked = len(search_server.searches)

    search_server.broken.clear()
    report = build(proposer, "sneakers", "kicks")

    assert proposer.asked == ["sneakers", "kicks"]
    assert len(search_server.searches) == asked + 2
    assert (report.repaired, report.failed) == (2, 0)
    assert len(content()) == 3


def test_a_build_without_weak_queries_makes_no_table(build, propose, tmp_path):
    report = build(propose())

    assert (report.weak, report.rewrites, report.relevance) == (0, 0, None)
    assert not (tmp_path / "rewrites.sqlite").exists()

import signal
from dataclasses import replace

import pytest

from qrmiddleware.distill.rewriting.row_files import read_rows
from qrmiddleware.distill.rewriting.rows import Candidate, CandidateSet, Feedback
from qrmiddleware.errors import ConfigError
from qrmiddleware.recipes.feedback.giving import give_feedback
from qrmiddleware.recipes.feedback.judges import JudgingStudent
from qrmiddleware.recipes.feedback.store import FeedbackStore
from qrmiddleware.recipes.feedback.working import GivenUpError
from qrmiddleware.testing.students import make_student


def proposed(query, *texts):
    return CandidateSet(query=query, candidates=tuple(Candidate(text=text) for text in texts))


@pytest.fixture
def give(tmp_path):
    """Give feedback, and return it with the tally."""

    def run(system, *sets):
        file = tmp_path / "feedback.jsonl"
        with FeedbackStore(file) as store:
            tally = give_feedback(system, sets, store)
        return list(read_rows(file, Feedback)), tally

    return run


def test_rewrites_are_valued_by_what_they_find_and_the_query_does_not(system, give):
    # shoe finds d1 d2 d5, of which d1 and d2 are relevant; trainers d4 d6; hat d3
    (feedback,), tally = give(system, proposed("shoe", "trainers", "red hat"))

    trainers, hat = feedback.candidates
    assert (feedback.found, feedback.relevant) == (3, 2)
    assert (trainers.found, trainers.new, trainers.relevance) == (2, 2, 1.0)
    assert (trainers.increment, trainers.increment_union, trainers.hit_rate) == (1.0, 2.0, None)
    assert (hat.found, hat.new, hat.relevance, hat.increment) == (2, 1, 0.5, 0.0)
    assert tally.means() == {
        "relevance": 0.75,
        "increment": 0.5,
        "increment_union": 1.5,
        "hit_rate": None,
    }
    assert (tally.given, tally.valued, tally.helpful, tally.searches) == (1, 2, 1, 3)


def test_a_query_that_finds_nothing_relevant_counts_each_new_hit(system, give):
    (feedback,), _ = give(system, proposed("sneakers", "trainers", "boots"))

    assert [each.increment for each in feedback.candidates] == [2.0, 0.0]
    assert (feedback.found, feedback.candidates[1].found) == (0, 0)


def test_what_users_got_elsewhere_makes_the_hit_rate(system, give):
    reached = replace(system, reached={"sneakers": frozenset({"d4", "d1", "d3"})})

    (feedback,), tally = give(reached, proposed("Sneakers", "trainers", "blue"))

    assert [each.hit_rate for each in feedback.candidates] == [0.5, 0.0]  # d3 is irrelevant
    assert tally.means()["hit_rate"] == 0.25


def test_what_guards_refuse_is_not_searched_for_and_counted(system, give, search_server):
    wordings = ("Shoe", "trainers", "TRAINERS", "Sure! shoes", "кеды")

    (feedback,), tally = give(system, proposed("shoe", *wordings))

    assert [each.refused for each in feedback.candidates] == [
        "echo",
        "",
        "repeat",
        "talk",
        "another script",
    ]
    assert len(search_server.searches) == tally.searches == 2
    assert tally.refused == {"echo": 1, "repeat": 1, "talk": 1, "another script": 1}


def test_each_text_is_searched_once_whatever_it_is_of(system, give, search_server):
    give(system, proposed("shoe", "trainers"), proposed("sneakers", "trainers", "shoe"))

    assert len(search_server.searches) == 3


def test_what_is_in_the_file_is_not_asked_again(system, give, search_server):
    sets = (proposed("shoe", "trainers"), proposed("sneakers", "shoe"))
    give(system, *sets)
    asked = len(search_server.searches)

    lines, tally = give(system, *sets, proposed("sneakers", "trainers"))

    assert (tally.known, tally.given, len(lines)) == (2, 1, 3)
    assert len(search_server.searches) == asked + 2


def test_feedback_of_another_depth_guard_or_judge_does_not_mix(system, give, tmp_path):
    student = make_student(tmp_path / "student")
    others = (
        replace(system, options=replace(system.options, depth=10)),
        replace(system, guards=replace(system.guards, max_words=5)),
        replace(system, guards=replace(system.guards, brands=frozenset({"nike"}))),
        replace(system, reached={"shoe": frozenset({"d1"})}),
        replace(system, version="2"),
        replace(system, judge=JudgingStudent.open(student, min_score=0.0)),
    )

    lines, _ = give(system, proposed("shoe", "trainers"))
    for other in others:
        lines, tally = give(other, proposed("shoe", "trainers"))
        assert tally.known == 0

    others[-1].judge.close()
    assert len({line.by for line in lines}) == len(lines) == 7
    assert "depth 100; judgments:people:" in lines[0].by


def test_a_student_reads_the_texts_of_hits_and_of_what_was_reached(system, give, tmp_path):
    judge = JudgingStudent.open(make_student(tmp_path / "student"), min_score=0.0)
    asked = replace(system, judge=judge, reached={"boots": frozenset({"d4", "gone"})})

    (feedback,), _ = give(asked, proposed("boots", "trainers", "hat"))
    judge.close()

    trainers, hat = feedback.candidates
    assert (trainers.relevance, trainers.increment) == (1.0, 2.0)
    assert (trainers.hit_rate, hat.hit_rate) == (1.0, 0.0)


def test_a_query_that_nobody_judged_has_a_problem_and_is_not_searched(system, give, search_server):
    (feedback,), tally = give(system, proposed("boots", "trainers"))

    assert feedback.problem == "the judge does not know the query"
    assert tally.problems == {"the judge does not know the query": 1}
    assert search_server.searches == []
    assert give(system, proposed("boots", "trainers"))[1].known == 1


def test_a_refused_text_costs_only_itself(system, give, search_server):
    search_server.broken["hat"] = (400, {"error": {"reason": "no hats"}})

    search_server.broken["sneakers"] = (400, {"error": {"reason": "no sneakers"}})

    lines, tally = give(system, proposed("shoe", "hat", "trainers"), proposed("sneakers", "shoe"))

    by_query = {line.query: line for line in lines}
    hat, trainers = by_query["shoe"].candidates
    assert (hat.refused, trainers.found) == ("the engine refused it", 2)
    assert tally.refused == {"the engine refused it": 1}
    assert "no sneakers" in by_query["sneakers"].problem
    assert tally.problems == {"the engine refused it": 1}


def test_an_engine_that_fails_midway_ends_the_run_and_the_next_goes_on(
    system, give, search_server, tmp_path
):
    one = replace(system, options=replace(system.options, concurrency=1), give_up_after=2)
    sets = [proposed("shoe", f"trainers {number}") for number in range(9)]
    search_server.broken["trainers 3"] = (503, "too busy")
    search_server.broken["trainers 4"] = (503, "too busy")

    with pytest.raises(GivenUpError, match=r"2 queries in a row failed, .* 503: too busy"):
        give(one, *sets)

    kept = (tmp_path / "feedback.jsonl").read_bytes()
    assert kept.count(b"\n") == 3
    search_server.broken.clear()
    lines, tally = give(one, *sets)
    assert (tally.known, tally.given) == (3, 6)
    assert (tmp_path / "feedback.jsonl").read_bytes().startswith(kept)
    assert [line.candidates[0].text for line in lines] == [f"trainers {n}" for n in range(9)]


def test_a_run_that_is_interrupted_loses_nothing(system, give, search_server, tmp_path):
    sets = [proposed("shoe", f"trainers {number}") for number in range(9)]

    def interrupt(tally):
        if tally.given == 3:
            signal.raise_signal(signal.SIGINT)

    with FeedbackStore(tmp_path / "feedback.jsonl") as store, pytest.raises(KeyboardInterrupt):
        give_feedback(system, sets, store, interrupt)
    kept = (tmp_path / "feedback.jsonl").read_bytes().count(b"\n")
    search_server.engine.asked.clear()

    lines, tally = give(system, *sets)

    assert 3 <= kept < 9
    assert (tally.known, tally.given, len(lines)) == (kept, 9 - kept, 9)
    # Shoe, and the other rewrites; what the first run had just sent may still come in.
    assert len(set(search_server.searches)) == 1 + 9 - kept


def test_a_query_whose_search_fails_in_passing_is_asked_again_by_the_next_run(
    system, give, search_server
):
    search_server.broken["hat"] = (503, "too busy")

    lines, tally = give(system, proposed("shoe", "hat"), proposed("sneakers", "trainers"))

    assert [line.query for line in lines] == ["sneakers"]
    assert (tally.failed, tally.given) == (1, 1)
    assert "503" in tally.failure
    search_server.broken.clear()
    assert give(system, proposed("shoe", "hat"))[1].given == 1


def test_an_engine_that_refuses_everything_ends_the_run_at_once(system, give, search_server):
    search_server.broken["shoe"] = (401, "who are you")

    with pytest.raises(ConfigError, match="401: who are you"):
        give(system, proposed("shoe", "hat"))

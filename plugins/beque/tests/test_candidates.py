from math import exp

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qrmiddleware.distill.causal.models import load_causal
from qrmiddleware.distill.causal.scoring import log_probabilities
from qrmiddleware.distill.rewriting.row_files import read_rows, write_rows
from qrmiddleware.distill.rewriting.rows import Candidate, CandidateSet
from qrmiddleware.errors import ConfigError
from qrmiddleware.students.generator.texts import normalised
from qrmiddleware_beque.recipes.candidates import (
    Proposing,
    distinct,
    propose_all,
    proposer_in,
    read_queries,
)
from qrmiddleware_beque.recipes.rewriter import read_rewriter
from qrmiddleware_beque.recipes.sft import SFT
from qrmiddleware_beque.recipes.student import export

QUERIES = ["red telly", "blue couch", "pink fridge"]


class Parrot:
    """Proposes by rule, and counts how often it is asked."""

    by = "parrot:1"

    def __init__(self):
        self.asked = []

    def propose(self, queries):
        self.asked.append(tuple(queries))
        return [
            [Candidate(text=f"{query} {n}", log_probability=-float(n)) for n in range(3)]
            for query in queries
        ]


def test_echoes_and_repeats_are_dropped_and_the_likeliest_come_first():
    said = [
        Candidate(text="Sofa", log_probability=-2.0),
        Candidate(text="sofa ", log_probability=-1.0),
        Candidate(text=" Couch", log_probability=-0.1),
        Candidate(text="settee", log_probability=-1.5),
        Candidate(text=" ", log_probability=-0.1),
        Candidate(text="seat"),
    ]

    found = distinct("couch", said, count=2)

    assert [(each.text, each.log_probability) for each in found] == [
        ("sofa", -1.0),
        ("settee", -1.5),
    ]
    assert [each.text for each in distinct("couch", said, count=9)] == ["sofa", "settee", "seat"]


@given(
    st.lists(st.builds(Candidate, text=st.text("aAb\uff22 ", max_size=3)), max_size=9),
    st.text("ab"),
)
def test_no_two_candidates_are_the_same_and_none_is_the_query(said, query):
    found = distinct(query, said, count=5)

    keys = [normalised(each.text) for each in found]
    assert len(set(keys)) == len(keys) <= 5
    assert normalised(query) not in keys
    assert "" not in keys


def test_a_run_that_was_stopped_asks_only_for_groups_that_lack_something(tmp_path):
    queries = [f"q{n}" for n in range(40)]
    file = tmp_path / "candidates.jsonl"
    propose_all(Parrot(), queries, tmp_path / "whole.jsonl", count=2)
    propose_all(Parrot(), queries[:20], file, count=2)
    with file.open("ab") as half:
        half.write(b'{"query":"q2')
    again, seen = Parrot(), []

    assert propose_all(again, queries, file, count=2, tell=lambda *told: seen.append(told)) == 0

    assert again.asked == [tuple(queries[16:32]), tuple(queries[32:])]
    assert file.read_bytes() == (tmp_path / "whole.jsonl").read_bytes()
    assert seen == [(16, 40), (32, 40), (40, 40)]
    assert [len(each.candidates) for each in read_rows(file, CandidateSet)] == [2] * 40


def test_candidates_of_two_are_not_mixed_in_a_file(tmp_path):
    write_rows(tmp_path / "x.jsonl", [CandidateSet(query="q", candidates=(), by="other")])

    with pytest.raises(ConfigError, match="by 'other', and these are by 'parrot:1'"):
        propose_all(Parrot(), ["q"], tmp_path / "x.jsonl", count=2)


def test_queries_are_read_from_lines_and_from_rows(tmp_path, pairs):
    (tmp_path / "queries.txt").write_text("\ufeffred telly\n\n blue couch \nred telly\n")
    write_rows(tmp_path / "pairs.jsonl", pairs)
    (tmp_path / "empty.txt").touch()

    assert read_queries(tmp_path / "queries.txt") == QUERIES[:2]
    assert read_queries(tmp_path / "pairs.jsonl") == [pair.query for pair in pairs]
    with pytest.raises(ConfigError, match="holds no query"):
        read_queries(tmp_path / "empty.txt")
    with pytest.raises(ConfigError, match="cannot be read"):
        read_queries(tmp_path / "none.txt")


def proposed(folder, file, proposing):
    with proposer_in(folder, proposing) as proposer:
        propose_all(proposer, QUERIES, file, count=proposing.count)
    return list(read_rows(file, CandidateSet))


@pytest.mark.students
@pytest.mark.parametrize("temperature", [0.0, 1.5])
def test_a_checkpoint_proposes_with_what_it_holds_each_rewrite_for(taught, tmp_path, temperature):
    proposing = Proposing(3, temperature=temperature, seed=4)

    found = proposed(taught / SFT, tmp_path / "a.jsonl", proposing)

    assert found == proposed(taught / SFT, tmp_path / "b.jsonl", proposing)
    assert [each.query for each in found] == QUERIES
    lm, rewriter = load_causal(str(taught / SFT)), read_rewriter(taught / SFT)
    for each in found:
        assert len(each.candidates) > 0
        rows = [rewriter.row(lm, each.query, one.text) for one in each.candidates]
        likely = log_probabilities(lm, rows, budget=1000, normalised=True)
        told = [one.log_probability for one in each.candidates]
        if not temperature:
            assert len(each.candidates) == 3
            assert told == pytest.approx(likely, abs=1e-3)
        assert told == sorted(told, reverse=True)
        assert all(0 < exp(value) <= 1 for value in told)


@pytest.mark.students
def test_beams_begin_with_what_the_model_would_say(taught, tmp_path):
    found = proposed(taught / SFT, tmp_path / "a.jsonl", Proposing(3))

    assert found[0].candidates[0].text == "red television"
    assert found[1].candidates[0].text == "blue sofa"


@pytest.mark.students
def test_a_student_proposes_what_its_checkpoint_does(taught, tmp_path):
    export(taught, taught / SFT, tmp_path / "student")

    theirs = proposed(taught / SFT, tmp_path / "a.jsonl", Proposing(3))
    ours = proposed(tmp_path / "student", tmp_path / "b.jsonl", Proposing(3))

    assert ours[0].by != theirs[0].by
    for one, other in zip(ours, theirs, strict=True):
        assert one.candidates[0].text == other.candidates[0].text
        likely = one.candidates[0].log_probability
        assert likely == pytest.approx(other.candidates[0].log_probability, abs=0.1)
    drawn = proposed(tmp_path / "student", tmp_path / "c.jsonl", Proposing(3, temperature=1.0))
    assert all(each.candidates for each in drawn)


@pytest.mark.students
def test_a_folder_that_holds_neither_says_what_makes_one(tmp_path):
    with (
        pytest.raises(ConfigError, match="`qrm beque sft` makes a checkpoint"),
        proposer_in(tmp_path, Proposing()),
    ):
        pass

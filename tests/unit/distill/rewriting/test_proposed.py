import pytest

from qrmiddleware.distill.rewriting.proposed import read_proposed
from qrmiddleware.distill.rewriting.row_files import write_rows
from qrmiddleware.distill.rewriting.rows import Candidate, CandidateSet, RewritePair
from qrmiddleware.errors import ConfigError


def test_candidates_are_read_as_they_are(tmp_path):
    sets = [CandidateSet(query="tv", candidates=(Candidate(text="telly"),), by="m")]
    write_rows(tmp_path / "c.jsonl", sets)

    count, found = read_proposed(tmp_path / "c.jsonl")

    assert (count, list(found)) == (1, sets)


def test_rewrites_of_pairs_are_gathered_by_query_each_once(tmp_path):
    pairs = [
        RewritePair(query="tv", rewrite="television", source="a"),
        RewritePair(query="hob", rewrite="cooker"),
        RewritePair(query="tv", rewrite="telly"),
        RewritePair(query="tv", rewrite="television", source="b"),
    ]
    write_rows(tmp_path / "p.jsonl", pairs)

    count, found = read_proposed(tmp_path / "p.jsonl")

    assert count == 2
    assert [(each.query, [c.text for c in each.candidates]) for each in found] == [
        ("tv", ["television", "telly"]),
        ("hob", ["cooker"]),
    ]


def test_an_empty_file_proposes_nothing_and_another_file_is_refused(tmp_path):
    (tmp_path / "none.jsonl").write_text("")
    (tmp_path / "other.jsonl").write_text('{"x": 1}\n')

    assert read_proposed(tmp_path / "none.jsonl")[0] == 0
    with pytest.raises(ConfigError, match="query, candidates"):
        read_proposed(tmp_path / "other.jsonl")

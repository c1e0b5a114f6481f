"""TREC run files."""

import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qrmiddleware.evaluation.formats import FormatError
from qrmiddleware.evaluation.formats.trec_runs import read_run, write_run
from qrmiddleware.evaluation.rankings import ArmRun, RankedHit, Ranking

RUN = "301 Q0 B 1 7.5 bm25\n301 Q0 A 2 9.25 bm25\n302 Q0 C 2 1 bm25\n302 Q0 D 1 1 bm25\n"


def test_orders_by_score_and_then_by_rank_whatever_the_order_of_the_lines(tmp_path):
    file = tmp_path / "run.txt"
    file.write_text(RUN)

    run = read_run(file)

    assert run.name == "bm25"
    assert run.depth == 2
    assert run.rankings["301"].hits == (RankedHit("A", 9.25), RankedHit("B", 7.5))
    assert run.rankings["302"].doc_ids == ("D", "C")


def test_a_run_can_be_gzipped_and_renamed(tmp_path):
    file = tmp_path / "run.gz"
    with gzip.open(file, "wt") as lines:
        lines.write(RUN)

    assert read_run(file, name="mine").name == "mine"


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("301 Q0 B 1 7.5", "run:2: expected 6 values"),
        ("301 Q0 B 1 high bm25", "run:2: expected a number for 'score'"),
        ("301 Q0 A 2 1.0 bm25", "run:2: expected A once for this query"),
    ],
)
def test_a_bad_line_is_named(tmp_path, line, problem):
    file = tmp_path / "run"
    file.write_text(f"301 Q0 A 1 9 bm25\n{line}\n")

    with pytest.raises(FormatError, match=problem):
        read_run(file)


def test_scores_that_fall_are_written_as_they_are(tmp_path):
    hits = (RankedHit("A", 9.25), RankedHit("B", 7.5))

    write_run(tmp_path / "run", ArmRun("my arm", {"q": Ranking("q", hits)}, 10))

    assert (tmp_path / "run").read_text() == "q Q0 A 1 9.25 myarm\nq Q0 B 2 7.5 myarm\n"


scores = st.lists(st.floats(-1e6, 1e6, width=32) | st.sampled_from([1.0, 1.0 + 1e-12]), max_size=8)


@given(scores)
def test_what_is_written_is_read_in_the_same_order(tmp_path_factory, values):
    hits = tuple(RankedHit(f"d{n % 7}x{n}", score) for n, score in enumerate(values))
    file = tmp_path_factory.mktemp("runs") / "run"

    write_run(file, ArmRun("arm", {"q": Ranking("q", hits)}, 10))

    read = read_run(file).rankings.get("q", Ranking("q", ()))
    assert read.doc_ids == tuple(hit.doc_id for hit in hits)
    written = [hit.score for hit in read.hits]
    assert sorted(set(written), reverse=True) == written

import msgspec
import pytest

from qrmiddleware.distill.rewriting.rows import (
    Candidate,
    CandidateSet,
    Feedback,
    RewritePair,
    Valued,
    from_line,
    to_line,
)

ROWS = [
    RewritePair(query="tv", rewrite="télé", source="people", split="train"),
    CandidateSet(query="tv", candidates=(Candidate(text="telly", log_probability=-0.5),)),
    Feedback(query="tv", candidates=(Valued(text="telly", found=3, hit_rate=None),), by="x"),
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: type(row).__name__)
def test_a_row_is_one_line_and_comes_back(row):
    line = to_line(row)

    assert line.count(b"\n") == 1
    assert from_line(line, type(row)) == row


def test_what_is_as_usual_is_not_written():
    assert to_line(RewritePair(query="a", rewrite="b")) == b'{"query":"a","rewrite":"b"}\n'


def test_a_line_of_another_kind_is_refused():
    with pytest.raises(msgspec.ValidationError):
        from_line(to_line(ROWS[0]), Feedback)

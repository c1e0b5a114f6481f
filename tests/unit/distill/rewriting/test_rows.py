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


@pytest.mark.parametrize(
    "row",
    [
        RewritePair(query="hoze", rewrite="hose", source="log"),
        CandidateSet(query="hoze", candidates=(Candidate(text="hose", log_probability=-0.5),)),
        Feedback(query="hoze", candidates=(Valued(text="hose", hit_rate=0.0, found=3),), by="x"),
    ],
)
def test_a_row_is_one_line_and_comes_back(row):
    line = to_line(row)

    assert line.count(b"\n") == 1
    assert line.endswith(b"\n")
    assert from_line(line, type(row)) == row


def test_what_is_no_such_row_is_refused():
    with pytest.raises(msgspec.MsgspecError):
        from_line(b'{"query": "hoze"}', RewritePair)

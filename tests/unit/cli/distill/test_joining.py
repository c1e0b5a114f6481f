import pytest

from qrmiddleware.distill.label_store import read_labels, write_labels
from qrmiddleware.distill.labels import Label
from qrmiddleware.distill.pair_files import read_pairs


def made(pair, teacher, **values):
    told = {"target": 0.5, **values}
    return Label(pair=pair.key, query=pair.query, doc_id=pair.doc_id, teacher=teacher, **told)


@pytest.fixture
def files(pairs, tmp_path):
    """A file that names a class of one pair, and one that scores all."""
    known = list(read_pairs(pairs))
    reasons, scores = tmp_path / "reasons.jsonl", tmp_path / "scores.jsonl"
    write_labels(reasons, [made(known[0], "r", grade="E", reason="because")])
    write_labels(scores, [made(pair, "s", logit=n) for n, pair in enumerate(known)])
    return reasons, scores


def test_two_files_are_joined_into_one(qrm, files, pairs, tmp_path):
    out = tmp_path / "out.jsonl"
    result = qrm("label", "join", *files, "--out", out)
    known = {pair.key for pair in read_pairs(pairs)}
    assert result.code == 0, result.err
    assert f"{len(known)} labels, 1 with a reason" in result.err
    labels = read_labels(out)
    assert {label.pair for label in labels} == known
    assert all(label.probabilities for label in labels)


def test_a_file_that_is_there_is_not_written_over(qrm, files, tmp_path):
    out = tmp_path / "out.jsonl"
    out.write_text("mine")
    result = qrm("label", "join", *files, "--out", out)
    assert result.code != 0
    assert "is there already" in result.err
    assert out.read_text() == "mine"

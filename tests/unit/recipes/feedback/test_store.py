import pytest

from qrmiddleware.distill.rewriting.row_files import read_rows
from qrmiddleware.distill.rewriting.rows import Candidate, CandidateSet, Feedback, Valued
from qrmiddleware.errors import ConfigError
from qrmiddleware.recipes.feedback.store import FeedbackStore

GIVEN = Feedback(query="hoze", candidates=(Valued(text="hose"),), by="engine")
PROPOSED = CandidateSet(query="hoze", candidates=(Candidate(text="hose"),))


def test_what_was_added_is_known_in_this_run_and_the_next(tmp_path):
    file = tmp_path / "feedback.jsonl"

    with FeedbackStore(file) as store:
        assert not store.has("engine", PROPOSED)
        store.add(GIVEN)
        assert store.has("engine", PROPOSED)
    with FeedbackStore(file) as store:
        assert store.has("engine", PROPOSED)
        assert len(store) == 1
        assert not store.note

    assert list(read_rows(file, Feedback)) == [GIVEN]


def test_another_engine_and_other_candidates_are_something_else(tmp_path):
    with FeedbackStore(tmp_path / "feedback.jsonl") as store:
        store.add(GIVEN)

        assert not store.has("other", PROPOSED)
        assert not store.has("engine", CandidateSet(query="hoze", candidates=()))
        assert not store.has("engine", CandidateSet(query="hose", candidates=PROPOSED.candidates))


def test_half_a_line_is_cut_off_and_asked_again(tmp_path):
    file = tmp_path / "feedback.jsonl"
    with FeedbackStore(file) as store:
        store.add(GIVEN)
    whole = file.read_bytes()
    file.write_bytes(whole + whole[:20])

    with FeedbackStore(file) as store:
        assert "only half written" in store.note
        assert len(store) == 1
    assert file.read_bytes() == whole


def test_a_file_of_something_else_is_refused(tmp_path):
    file = tmp_path / "feedback.jsonl"
    file.write_text('{"text": "hose"}\n')

    wanted = "expected a JSON object with query, candidates"
    with pytest.raises(ConfigError, match=wanted), FeedbackStore(file):
        pass


@pytest.mark.parametrize("rest", [b"[" * 100_000, b'{"query": "\xff"}'])
def test_a_last_line_of_rubbish_is_cut_off(tmp_path, rest):
    file = tmp_path / "feedback.jsonl"
    with FeedbackStore(file) as store:
        store.add(GIVEN)
    file.write_bytes(file.read_bytes() + rest)

    with FeedbackStore(file) as store:
        assert len(store) == 1

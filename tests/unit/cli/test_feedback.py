import json

import pytest

from qrmiddleware.distill.rewriting.row_files import read_rows
from qrmiddleware.distill.rewriting.rows import Feedback
from qrmiddleware.testing.engine import serve_engine
from qrmiddleware.testing.students import make_student

TITLES = {
    "d1": "red shoe",
    "d2": "blue shoe",
    "d3": "red hat",
    "d4": "trainers",
    "d5": "shoe rack",
    "d6": "green trainers",
}


@pytest.fixture
def engine():
    with serve_engine("shop", {key: {"title": title} for key, title in TITLES.items()}) as url:
        yield url


@pytest.fixture
def data(tmp_path):
    """Judgments of two queries, and candidates for three."""
    folder = tmp_path / "judged"
    folder.mkdir()
    queries = [{"id": "q1", "query": "sneakers"}, {"id": "q2", "query": "shoe"}]
    (folder / "queries.jsonl").write_text("".join(json.dumps(q) + "\n" for q in queries))
    grades = "".join(f"{q}\t{d}\t3\n" for q in ("q1", "q2") for d in ("d1", "d2", "d4", "d6"))
    (folder / "judgments.tsv").write_text(f"query_id\tproduct_id\tgrade\n{grades}")
    candidates = tmp_path / "candidates.jsonl"
    candidates.write_text(
        '{"query": "sneakers", "candidates": [{"text": "trainers"}, {"text": "Sneakers"}]}\n'
        '{"query": "shoe", "candidates": [{"text": "trainers"}, {"text": "red hat"}]}\n'
        '{"query": "boots", "candidates": [{"text": "shoe"}]}\n'
    )
    return tmp_path


def test_feedback_is_written_and_summed_up(qrm, engine, data):
    arguments = ("feedback", data / "candidates.jsonl", "--to", "feedback.jsonl")
    engine_options = ("--url", engine, "--index", "shop", "--fields", "title")
    judge = ("--judgments", data / "judged", "--json", "summary.json", "--rate", "1000")

    ran = qrm(*arguments, *engine_options, *judge)

    assert ran.code == 0, ran.err
    for line in ("queries with feedback now │ 2", "rewrites refused: echo", "mean relevance"):
        assert all(part in ran.out for part in line.split(" │ "))
    lines = {line.query: line for line in read_rows(data / "feedback.jsonl", Feedback)}
    assert lines["sneakers"].candidates[0].increment == 2.0
    assert lines["sneakers"].candidates[1].refused == "echo"
    assert lines["boots"].problem
    summary = json.loads((data / "summary.json").read_text())
    assert (summary["given"], summary["refused"], summary["searches"]) == (2, {"echo": 1}, 4)

    again = qrm(*arguments, *engine_options, *judge)

    assert again.code == 0
    summary = json.loads((data / "summary.json").read_text())
    assert (summary["known"], summary["given"], summary["searches"]) == (3, 0, 0)


def test_a_student_may_judge(qrm, engine, data):
    student = make_student(data / "student")
    (data / "reached.tsv").write_text("query\tdoc_id\nboots\td1\n")
    (data / "brands.txt").write_text("Acme\n")

    ran = qrm(
        *("feedback", data / "candidates.jsonl", "--to", "f.jsonl", "--url", engine),
        *("--index", "shop", "--fields", "title", "--student", student, "--min-score", "0"),
        *("--reached", data / "reached.tsv", "--brands", data / "brands.txt", "--language", "en"),
    )

    assert ran.code == 0, ran.err
    lines = {line.query: line for line in read_rows(data / "f.jsonl", Feedback)}
    assert lines["boots"].candidates[0].relevance == 1.0
    assert lines["boots"].candidates[0].hit_rate == 1.0


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ((), "either --judgments or --student"),
        (("--judgments", "judged", "--student", "x"), "either --judgments or --student"),
        (("--judgments", "judged", "--language", "xx"), "'xx' is none that is told apart"),
        (("--judgments", "judged", "--brands", "none.txt"), "none.txt"),
        (("--judgments", "judged", "--depth", "20000"), "depth 20000"),
        (("--judgments", "judged", "--index", "other"), "other"),
    ],
)
def test_what_cannot_work_is_said_in_a_line(qrm, engine, data, wrong, message):
    ran = qrm(
        *("feedback", data / "candidates.jsonl", "--to", "f.jsonl", "--url", engine),
        *("--index", "shop", "--fields", "title", *wrong),
    )

    assert ran.code == 2
    assert message in ran.err


def test_candidates_that_are_none_are_found_before_anything_is_searched(qrm, data):
    (data / "candidates.jsonl").write_text('{"query": "shoe"}\n')

    ran = qrm(
        *("feedback", "candidates.jsonl", "--to", "f.jsonl", "--fields", "title"),
        *("--judgments", data / "judged", "--url", "http://127.0.0.1:9"),
    )

    assert ran.code == 2
    assert "candidates.jsonl:1: expected a JSON object with query, candidates" in ran.err


def test_an_engine_that_is_not_there_fails_the_command_and_keeps_the_file(qrm, data):
    ran = qrm(
        *("feedback", "candidates.jsonl", "--to", "f.jsonl", "--fields", "title"),
        *("--judgments", data / "judged", "--url", "http://127.0.0.1:9", "--attempts", "1"),
    )

    assert ran.code == 2
    assert "http://127.0.0.1:9/products does not answer" in ran.err
    assert (data / "f.jsonl").read_bytes() == b""

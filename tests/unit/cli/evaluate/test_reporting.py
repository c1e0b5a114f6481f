"""``qrm eval report``, and what ``run`` and ``score`` leave behind for it."""

import pytest

from qrmiddleware.evaluation.report.saved import read_json


@pytest.fixture
def saved(qrm, tmp_path):
    """Two runs, scored and saved."""
    (tmp_path / "queries.jsonl").write_text('{"id": "q1", "query": "shoe"}\n')
    (tmp_path / "judgments.tsv").write_text("query_id\tproduct_id\tgrade\nq1\ta\t3\nq1\tb\t0\n")
    (tmp_path / "plain.trec").write_text("q1 Q0 b 1 2 x\nq1 Q0 a 2 1 x\n")
    (tmp_path / "rules.trec").write_text("q1 Q0 a 1 2 x\nq1 Q0 c 2 1 x\n")
    ran = qrm(
        "eval", "score", "plain.trec", "rules.trec", "--data", tmp_path, "--json", "e.json",
        "--title", "shoes",
    )  # fmt: skip
    assert ran.code == 0, ran.err
    return tmp_path / "e.json"


def test_what_is_saved_holds_everything(saved):
    evaluation = read_json(saved)

    assert evaluation.title == "shoes"
    assert [arm.name for arm in evaluation.arms] == ["plain", "rules"]
    assert evaluation.arms[1].run.rankings["q1"].doc_ids == ("a", "c")


def test_a_saved_evaluation_is_reported_again_in_all_forms(qrm, saved, tmp_path):
    ran = qrm("eval", "report", saved, "--html", "out/r.html", "--markdown", "r.md")

    assert ran.code == 0
    assert "“rules” against “plain”" in ran.out
    assert "wrote r.md" in ran.err
    assert "<h1>shoes</h1>" in (tmp_path / "out" / "r.html").read_text()
    assert (tmp_path / "r.md").read_text().startswith("# shoes\n")


def test_the_first_report_writes_all_forms_too(qrm, saved, tmp_path):
    runs = (tmp_path / "plain.trec", tmp_path / "rules.trec")

    qrm("eval", "score", *runs, "--data", tmp_path, "--html", "r.html", "--markdown", "r.md")

    assert (tmp_path / "r.html").is_file()
    assert (tmp_path / "r.md").is_file()


def test_a_measure_that_was_not_measured_is_refused(qrm, saved):
    ran = qrm("eval", "report", saved, "--measure", "MAP")

    assert ran.code != 0
    assert "'MAP' was not measured; choose nDCG@10, nDCG@10 condensed" in ran.err


def test_a_file_that_is_none_is_refused(qrm, tmp_path):
    (tmp_path / "x.json").write_text("{}")

    ran = qrm("eval", "report", "x.json")

    assert ran.code != 0
    assert "no saved evaluation" in ran.err

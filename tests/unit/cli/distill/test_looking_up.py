import json

import pytest

from qrmiddleware.distill.label_store import read_labels


@pytest.fixture
def judged(tmp_path):
    folder = tmp_path / "shop"
    folder.mkdir()
    queries = [json.dumps({"id": f"q{n}", "query": f"shoe{n}"}) for n in range(2)]
    (folder / "queries.jsonl").write_text("\n".join(queries))
    (folder / "judgments.tsv").write_text(
        "query_id\tproduct_id\tgrade\nq0\td0\t3\nq0\td4\t1\nq1\td1\t0\nq1\tother\t2\n"
    )
    return folder


def test_judgments_become_labels_and_other_pairs_stay_without(qrm, pairs, judged, tmp_path):
    ran = qrm("label", "judgments", pairs, "--data", judged)

    assert ran.code == 0, ran.err
    assert "3 pairs labelled now" in ran.err
    assert "9 pairs got no label" in ran.err
    assert "Teacher: judgments:shop:" in ran.err
    labels = {each.doc_id: each.target for each in read_labels(tmp_path / "pairs.labels.jsonl")}
    assert labels == {"d0": 1.0, "d4": pytest.approx(1 / 3), "d1": 0.0}


def test_grades_may_be_worth_something_else(qrm, pairs, judged, tmp_path):
    gains = ("--gain", "3=0.9", "--gain", "2=0.5", "--gain", "1=0.1", "--gain", "0=0")

    qrm("label", "judgments", pairs, "--data", judged, *gains)

    labels = {each.doc_id: each.target for each in read_labels(tmp_path / "pairs.labels.jsonl")}
    assert labels == {"d0": 0.9, "d4": 0.1, "d1": 0.0}


def test_a_grade_without_a_worth_is_an_error(qrm, pairs, judged):
    ran = qrm("label", "judgments", pairs, "--data", judged, "--gain", "3=1")

    assert ran.code == 2
    assert "has no target" in ran.err


def test_reasons_are_looked_up_in_the_catalogue(qrm, tmp_path):
    products = [
        {"id": f"{kind[-1]}{n}", "title": f"{brand} {kind} {n}", "brand": brand, "kind": kind}
        for kind in ("notebook", "notebook case")
        for n, brand in enumerate(("Acme", "Bold") * 3)
    ]
    shop, pairs = tmp_path / "shop.jsonl", tmp_path / "asked.jsonl"
    shop.write_text("\n".join(map(json.dumps, products)))
    asked = [{"query": "notebook", "doc_id": key, "text": "…"} for key in ("k0", "e0", "other")]
    pairs.write_text("\n".join(map(json.dumps, asked)))

    ran = qrm("label", "reasoner", pairs, "--data", shop, "--catalogue-fields", "product_type=kind")

    assert ran.code == 0, ran.err
    assert "not in the catalogue 1" in ran.err
    labels = {each.doc_id: each for each in read_labels(tmp_path / "asked.labels.jsonl")}
    assert (labels["k0"].grade, labels["e0"].grade) == ("E", "C")
    assert "category: mismatch" in labels["e0"].reason

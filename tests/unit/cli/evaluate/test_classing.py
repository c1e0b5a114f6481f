import json
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

from qrmiddleware.distill.label_store import LabelStore
from qrmiddleware.distill.labels import Label

_FILE = Path(__file__).parents[2] / "students" / "conftest.py"


def _tiny_students():
    """Load the fixtures that write students; tests are no packages."""
    spec = spec_from_file_location("tiny_students", _FILE)
    module = module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


bert, make_student = (getattr(_tiny_students(), name) for name in ("bert", "make_student"))

GRADES = "33221100"


@pytest.fixture
def judged(tmp_path):
    """Four queries of two products each, in two folds."""
    folder = tmp_path / "judged"
    folder.mkdir()
    queries = ({"id": f"q{n}", "query": f"shoe {n}", "fold": n % 2} for n in range(4))
    (folder / "queries.jsonl").write_text("\n".join(map(json.dumps, queries)))
    rows = (f"q{n % 4}\td{n}\t{grade}" for n, grade in enumerate(GRADES))
    (folder / "judgments.tsv").write_text("\n".join(["query_id\tproduct_id\tgrade", *rows]) + "\n")
    pairs = ({"query": f"shoe {n % 4}", "doc_id": f"d{n}", "text": f"Shoe {n}"} for n in range(9))
    (tmp_path / "pairs.jsonl").write_text("\n".join(map(json.dumps, pairs)))
    return folder


@pytest.fixture
def labels(tmp_path):
    """Write labels of these products, a class each; a blank is no label."""

    def write(name, grades, teacher="t"):
        file = tmp_path / f"{name}.labels.jsonl"
        with LabelStore(file) as store:
            for n, grade in enumerate(grades):
                if grade != " ":
                    label = Label(
                        pair=str(n), query=f"shoe {n % 4}", doc_id=f"d{n}", teacher=teacher,
                        target=0.0, grade=grade,
                    )  # fmt: skip
                    store.add(label)
        return file

    return write


def test_classes_are_measured_against_judgments_and_compared(qrm, judged, labels, tmp_path):
    files = labels("teacher", "EESSCCII"), labels("small", "EESSCIIE")

    ran = qrm("eval", "classes", *files, "--data", judged, "--json", "c.json")

    assert ran.code == 0, ran.err
    assert "8 of 8 judged pairs, of 4 queries, are measured" in ran.out
    printed = [" ".join(line.split()) for line in ran.out.splitlines()]
    assert "teacher 1.0000 1.0000 0.0000 1.0000" in printed
    assert "always E 0.2500 0.1000 0.0000 0.1000" in printed
    assert "C 0 0 1 1 1.0000 0.5000 0.6667 2" in printed
    macro = (0.8 + 1 + 2 / 3 + 0.5) / 4
    assert f"“small” against “teacher”: macro-F1 {macro - 1:+.4f} (95 % interval -" in ran.out
    assert f"{macro:.4f} of it is retained" in ran.out
    saved = json.loads((tmp_path / "c.json").read_text())
    assert (saved["kind"], saved["pairs"], saved["codes"]) == ("qrm-eval-classes", 8, list("ESCI"))
    assert saved["systems"][1]["macro_f1"] == pytest.approx(macro)
    assert saved["differences"][0]["retention"] == pytest.approx(macro)


def test_folds_and_missing_predictions(qrm, judged, labels, tmp_path):
    file = labels("one", "EESS    ")

    ran = qrm("eval", "classes", file, "--data", judged, "--folds", "1", "--json", "c.json")

    assert ran.code == 0, ran.err
    assert "2 of 4 judged pairs, of 2 queries, are measured" in ran.out
    (system,) = json.loads((tmp_path / "c.json").read_text())["systems"]
    assert (system["missing"], system["accuracy"], system["macro_f1"]) == (0.5, 1.0, 1.0)
    assert system["macro_f1_of_all"] == 0.5
    assert system["classes"][2]["f1"] is None


def test_other_grades_are_other_classes(qrm, judged, labels):
    file = labels("one", "yyyynnnn")

    ran = qrm("eval", "classes", file, "--data", judged, "--grades", "3=y,2=y,1=n,0=n")

    assert ran.code == 0, ran.err
    assert "one 1.0000 1.0000" in " ".join(ran.out.split())


def test_a_student_classes_the_judged_pairs(qrm, judged, labels, make_student, tmp_path):
    names = ("exact", "substitute", "complement", "irrelevant")
    folder = make_student(labels=names, gains=(1.0, 0.5, 0.0, 0.0))
    qrm("label", "student", "pairs.jsonl", "--student", folder, "-o", "alone.labels.jsonl")

    ran = qrm(
        "eval", "classes", tmp_path / "alone.labels.jsonl", folder, "--pairs", "pairs.jsonl",
        "--data", judged, "--json", "c.json",
    )  # fmt: skip

    assert ran.code == 0, ran.err
    saved = json.loads((tmp_path / "c.json").read_text())
    assert saved["pairs"] == 8
    first, second = saved["systems"]
    assert (second["name"], second["matrix"]) == (folder.name, first["matrix"])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["two.labels.jsonl"], "labels of t, u: name one of them with --teacher"),
        (["none.labels.jsonl"], "labels cannot be read"),
        (["far.labels.jsonl"], "no judged pair is predicted"),
        (["odd.labels.jsonl"], "says class 'Q' of 'shoe 0' and d0"),
        (["far.labels.jsonl", "--grades", "3=E,2=S"], "has no class; --grades names"),
        (["far.labels.jsonl", "far.jsonl"], "two systems are called far"),
        (["judged"], "say with --pairs which texts it reads"),
    ],
)
def test_what_cannot_be_measured_is_said(qrm, judged, labels, tmp_path, arguments, said):
    labels("two", "E", "t")
    labels("two", "E", "u")
    labels("far", " " * 8 + "E")
    labels("odd", "Q")

    ran = qrm("eval", "classes", *arguments, "--data", judged)

    assert ran.code == 2
    assert said in ran.err.replace("\n", "")


def test_one_of_several_teachers_in_a_file_is_named(qrm, judged, labels):
    labels("two", "EE", "t")
    file = labels("two", "II", "u")

    ran = qrm("eval", "classes", file, "--data", judged, "--teacher", "u")

    assert ran.code == 0, ran.err
    assert "two 0.0000 0.0000" in " ".join(ran.out.split())


def test_a_student_that_tells_no_classes_is_an_error(qrm, judged, make_student):
    folder = make_student()

    ran = qrm("eval", "classes", folder, "--data", judged, "--pairs", "pairs.jsonl")

    assert ran.code == 2
    assert "tells no classes" in ran.err.replace("\n", "")

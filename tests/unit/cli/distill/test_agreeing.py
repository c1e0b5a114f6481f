import json

import pytest

from qrmiddleware.distill.label_store import read_labels, write_labels
from qrmiddleware.distill.labels import Label, Pair
from qrmiddleware.distill.pair_files import read_pairs

CHAIN = """category: match (asked for shoe{0}, found shoe)
brand: unspecified
model: unspecified
attribute: unspecified
conclusion: {1}"""


@pytest.fixture
def labels(pairs, tmp_path):
    """Write a file of labels of the first pairs, a class each; a blank is no label."""

    def write(teacher, grades):
        file = tmp_path / f"{teacher}.jsonl"
        found = zip(read_pairs(pairs), grades, strict=False)
        write_labels(file, [made(pair, teacher, grade) for pair, grade in found if grade != " "])
        return file

    return write


def made(pair, teacher, grade):
    reason = CHAIN.format(pair.query[-1], grade)
    return Label(
        pair=pair.key, query=pair.query, doc_id=pair.doc_id, teacher=teacher, target=0.5,
        grade=grade, reason=reason,
    )  # fmt: skip


def cells(printed, first):
    """Return the cells of the table's row that begins with a word."""
    (row,) = (line for line in printed.splitlines() if line.split()[:1] == [first])
    return row.split()


def test_what_annotators_agree_on_is_kept_and_the_rest_is_asked_about(
    qrm, labels, pairs, server, tmp_path
):
    files = labels("x", "EEEESSSSCCI"), labels("y", "EEEISSSECCII")

    ran = qrm("label", "agree", *files, "-o", "c.jsonl", "--aside", "a.jsonl", "--pairs", pairs)

    assert ran.code == 0, ran.err
    assert "1: x" in ran.out
    assert cells(ran.out, "all") == ["all", "11", "81.8%"]
    kappa = (9 / 11 - (4 * 4 + 4 * 3 + 2 * 2 + 1 * 2) / 121) / (1 - 34 / 121)
    assert cells(ran.out, "1,") == ["1,", "2", "11", "81.8%", f"{kappa:.3f}"]
    assert cells(ran.out, "E") == ["E", "3", "2"]
    assert cells(ran.out, "S") == ["S", "3", "1"]
    assert "wrote c.jsonl: 9 labels kept, 2 pairs set aside" in ran.err
    assert "1 pairs are labelled by too few to decide" in ran.err
    kept = read_labels(tmp_path / "c.jsonl")
    assert {each.teacher for each in kept} == {"agree:2 of 2:x + y"}
    assert kept[0].reason == CHAIN.format("0", "E")
    assert [pair.doc_id for pair in read_pairs(tmp_path / "a.jsonl")] == ["d3", "d7"]

    asked = qrm("label", "llm", "a.jsonl", "--endpoint", server.url, "--model", "m")

    assert "a.labels.jsonl: 2 pairs labelled now" in asked.err


def test_a_third_annotator_decides(qrm, labels, tmp_path):
    files = labels("x", "EES"), labels("y", "EIS"), labels("z", "II")

    ran = qrm("label", "agree", *files, "-o", "c.jsonl", "--majority")

    assert ran.code == 0, ran.err
    assert [each.grade for each in read_labels(tmp_path / "c.jsonl")] == ["E", "I", "S"]


def test_annotators_of_one_file_are_told_apart(qrm, labels, tmp_path):
    both = tmp_path / "both.jsonl"
    files = [labels(name, "EE") for name in "xyz"]
    both.write_bytes(b"".join(file.read_bytes() for file in files))

    ran = qrm("label", "agree", both, "-o", "c.jsonl", "--teacher", "x", "--teacher", "z")

    assert ran.code == 0, ran.err
    assert read_labels(tmp_path / "c.jsonl")[0].teacher == "agree:2 of 2:x + z"


def test_pairs_set_aside_that_the_file_of_pairs_lacks_are_said(qrm, labels, pairs, tmp_path):
    files = labels("x", "EE"), labels("y", "SS")
    first = pairs.read_text().splitlines()[0]
    (tmp_path / "some.jsonl").write_text(f"{first}\n{first}\n")

    aside = ("--aside", "a.jsonl", "--pairs", "some.jsonl")
    ran = qrm("label", "agree", *files, "-o", "c.jsonl", *aside)

    assert "wrote a.jsonl: 1 pairs" in ran.err
    assert "1 pairs that were set aside are not in some.jsonl" in ran.err


def test_without_its_library_it_says_what_to_install(qrm, labels, monkeypatch, tmp_path):
    files = labels("x", "EE"), labels("y", "EE")
    monkeypatch.setattr("qrmiddleware.cli.distill.agreeing.find_spec", lambda _: None)

    ran = qrm("label", "agree", *files, "-o", "c.jsonl")

    assert ran.code == 2
    assert "pip install 'qrmiddleware[evaluation]'" in ran.err
    assert not (tmp_path / "c.jsonl").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["x.jsonl", "-o", "c.jsonl"], "two teachers or more are needed, not of x"),
        (["x.jsonl", "y.jsonl", "-o", "x.jsonl"], "x.jsonl is there already"),
        (["x.jsonl", "y.jsonl", "-o", "c.jsonl", "--aside", "a.jsonl"], "give --pairs"),
        (
            ["x.jsonl", "y.jsonl", "-o", "c", "--aside", "y.jsonl", "--pairs", "pairs.jsonl"],
            "that file is another",
        ),
        (["x.jsonl", "no.jsonl", "-o", "c.jsonl"], "labels cannot be read"),
    ],
)
def test_what_cannot_work_is_said_and_no_file_is_touched(qrm, labels, tmp_path, arguments, said):
    files = [labels("x", "EE"), labels("y", "EE")]
    before = [file.read_bytes() for file in files]

    ran = qrm("label", "agree", *arguments)

    assert ran.code == 2
    assert said in ran.err
    assert [file.read_bytes() for file in files] == before
    assert not list(tmp_path.glob("c*"))


@pytest.fixture
def judged(tmp_path):
    folder = tmp_path / "judged"
    folder.mkdir()
    (folder / "queries.jsonl").write_text(json.dumps({"id": "q0", "query": "shoe0"}))
    rows = ["query_id\tproduct_id\tgrade", "q0\td0\t3", "q0\td4\t0"]
    (folder / "judgments.tsv").write_text("\n".join(rows) + "\n")
    return folder


def test_labels_pass_gates_or_are_set_aside(qrm, labels, pairs, judged, tmp_path):
    file = labels("x", "EESSE")

    ran = qrm(
        "label", "gate", file, "--pairs", pairs, "--data", judged, "-o", "c.jsonl",
        "--aside", "a.jsonl",
    )  # fmt: skip

    assert ran.code == 0, ran.err
    assert cells(ran.out, "E") == ["E", "2", "0", "0", "1", "0", "0"]
    assert "wrote c.jsonl: 4 labels kept, 1 pairs set aside" in ran.err
    assert "2 labels are of pairs that are judged" in ran.err
    assert [each.doc_id for each in read_labels(tmp_path / "c.jsonl")] == ["d0", "d1", "d2", "d3"]
    assert [pair.doc_id for pair in read_pairs(tmp_path / "a.jsonl")] == ["d4"]


def test_notes_that_speak_of_something_else_do_not_pass(qrm, labels, pairs, tmp_path):
    file = labels("x", "ES")
    file.write_text(file.read_text().replace("found shoe)", "found leather sandals)"))

    strict = qrm("label", "gate", file, "--pairs", pairs, "-o", "strict.jsonl")
    lenient = qrm(
        "label", "gate", file, "--pairs", pairs, "-o", "all.jsonl", "--least-faithfulness", "0.3"
    )

    assert "0 labels kept, 2 pairs set aside" in strict.err
    assert "2 labels kept" in lenient.err


def test_labels_of_other_pairs_are_left_out_and_said(qrm, pairs, labels, tmp_path):
    write_labels(tmp_path / "far.jsonl", [made(Pair("far", "f", "Far"), "x", "E")])

    ran = qrm("label", "gate", tmp_path / "far.jsonl", "--pairs", pairs, "-o", "c.jsonl")

    assert "0 labels kept, 0 pairs set aside" in ran.err
    assert "1 labelled pairs are not in" in ran.err

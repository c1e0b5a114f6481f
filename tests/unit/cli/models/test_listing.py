"""``qrm models list`` and ``inspect``."""

import json

from qrmiddleware.cli.models.listing import describe_size


def test_students_are_found_at_any_depth(qrm, make_student):
    make_student("models/deep/er/margin")
    make_student("models/vectors", "bi_encoder", name="vectors")
    make_student("models/.hidden", name="hidden")

    ran = qrm("models", "list", "models")

    assert ran.code == 0, ran.err
    assert "cross_encoder" in ran.out
    assert "bi_encoder" in ran.out
    assert "12.3 M" in ran.out
    assert "hidden" not in ran.out


def test_the_current_folder_is_looked_into_without_another(qrm, make_student):
    make_student("margin")

    assert "margin" in qrm("models", "list").out


def test_the_list_can_be_json(qrm, make_student):
    make_student("models/margin")

    (listed,) = json.loads(qrm("models", "list", "--json").out)

    assert listed["path"] == "models/margin"
    assert (listed["kind"], listed["family"], listed["stored"]) == ("cross_encoder", "bert", "int8")
    assert listed["quality"] == {"nDCG@10": 0.91}
    assert listed["problem"] == ""


def test_a_broken_student_is_listed_and_told(qrm, make_student):
    folder = make_student("models/margin")
    (folder / "tokenizer.json").write_text("{}")

    ran = qrm("models", "list")

    assert ran.code == 1
    assert "broken" in ran.out
    assert "tokenizer.json has 2 bytes" in ran.err
    (listed,) = json.loads(qrm("models", "list", "--json").out)
    assert "tokenizer.json" in listed["problem"]


def test_nothing_found_is_said(qrm, tmp_path):
    ran = qrm("models", "list", tmp_path)

    assert ran.code == 0
    assert "no student.json below" in ran.err


def test_a_folder_that_is_none_is_refused(qrm):
    ran = qrm("models", "list", "nowhere")

    assert ran.code == 2
    assert "nowhere is no folder" in ran.err


def test_everything_is_shown_of_a_student(qrm, make_student):
    folder = make_student()

    ran = qrm("models", "inspect", folder)

    assert ran.code == 0, ran.err
    for shown in ("cross_encoder", "walmart_kd", "apache-2.0", "0.91", "0.997", "on disk"):
        assert shown in ran.out


def test_what_is_shown_can_be_json(qrm, make_student):
    folder = make_student()

    shown = json.loads(qrm("models", "inspect", folder, "--json").out)

    assert shown["parity"]["probes"] == 84
    assert shown["size_bytes"] == sum(
        path.stat().st_size for path in folder.rglob("*") if path.is_file()
    )
    assert len(shown["student_hash"]) == 64


def test_what_is_no_student_is_not_shown(qrm, tmp_path):
    ran = qrm("models", "inspect", tmp_path)

    assert ran.code == 2
    assert "has no student.json" in ran.err


def test_sizes_are_in_megabytes():
    assert describe_size(24_350_000) == "24.4 MB"

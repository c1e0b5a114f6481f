import json
import pickle
from pathlib import Path

import pytest

from qrmiddleware.errors import ConfigError
from qrmiddleware.students.folder import (
    StudentFolder,
    new_student,
    read_student,
    student_hash,
    write_student,
)
from qrmiddleware.students.manifest import Architecture, Calibration, Manifest

NETWORK = Architecture(
    family="bert", layers=2, hidden=8, vocabulary=30, parameters=900, pooling="pooler"
)
PARTS = {
    "tokenizer.json": b"{}",
    "model/model.bin": b"\x06\x00\x00\x00weights",
    "model/config.json": b"{}",
    "head.safetensors": b"\x80\x02\x00\x00\x00\x00\x00\x00head",
}
MANIFEST = Manifest(kind="cross_encoder", name="tiny", architecture=NETWORK, files={})


def prepare(folder, parts=PARTS):
    for name, content in parts.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


@pytest.fixture
def student(tmp_path):
    return write_student(prepare(tmp_path / "tiny"), MANIFEST).path


def relist(student, change):
    tree = json.loads((student / "student.json").read_text())
    change(tree)
    (student / "student.json").write_text(json.dumps(tree))


def refusal(path, **options):
    with pytest.raises(ConfigError) as caught:
        read_student(path, **options)
    return str(caught.value)


def test_reads_what_was_written(student):
    folder = read_student(student, expect={"cross_encoder"})

    assert folder.manifest.name == "tiny"
    assert set(folder.manifest.files) == set(PARTS)
    assert folder.tokenizer_file.read_bytes() == b"{}"
    assert folder.head_file.name == "head.safetensors"
    assert (folder.model_folder / "model.bin").is_file()


def test_a_student_without_a_head_says_so(tmp_path):
    parts = {name: content for name, content in PARTS.items() if name != "head.safetensors"}
    plain = MANIFEST.model_copy(update={"kind": "bi_encoder"})

    assert write_student(prepare(tmp_path / "plain", parts), plain).head_file is None


def test_a_linked_folder_is_read_like_any_other(student, tmp_path):
    (tmp_path / "current").symlink_to(student)

    assert read_student(tmp_path / "current").manifest.name == "tiny"


def test_names_every_file_that_is_wrong_at_once(student):
    (student / "tokenizer.json").write_bytes(b"{ }")
    (student / "model/model.bin").write_bytes(PARTS["model/model.bin"][:-3])
    (student / "head.safetensors").unlink()
    (student / "notes.txt").write_text("hello")

    message = refusal(student)

    assert "tokenizer.json has 3 bytes with SHA-256" in message
    assert "model/model.bin has 8 bytes with SHA-256" in message
    assert "head.safetensors is missing" in message
    assert "notes.txt is not listed" in message
    assert "qrm models export" in message


@pytest.mark.parametrize(
    "name",
    ["../other/model.bin", "/etc/passwd", "a\\..\\b", "./a", "a//b", "C:a", "", "student.json"],
)
def test_refuses_listed_paths_that_leave_the_folder(student, name):
    relist(student, lambda tree: tree["files"].update({name: "0" * 64}))

    assert f"files names {name!r}, which is no plain path" in refusal(student)


@pytest.mark.parametrize(
    "name", ["pytorch_model.bin", "model/other.bin", "head.PKL", "a.pt", "b.npy", "c.npz", "d.ckpt"]
)
def test_refuses_names_of_pickled_files(student, name):
    prepare(student, {name: b"plain"})

    relist(student, lambda tree: tree["files"].update({name: "0" * 64}))

    assert f"{name} may hold pickled code" in refusal(student)


@pytest.mark.parametrize(
    "content",
    [pickle.dumps(["x"], protocol=p) for p in (2, 3, 4, 5)] + [b"PK\x03\x04", b"\x93NUMPY"],
)
def test_refuses_pickles_under_an_innocent_name(tmp_path, content):
    folder = prepare(tmp_path / "tiny", PARTS | {"head.safetensors": content})

    with pytest.raises(ConfigError, match="holds a pickle"):
        write_student(folder, MANIFEST)


def test_refuses_a_student_without_the_parts_its_kind_needs(tmp_path):
    with pytest.raises(ConfigError) as caught:
        write_student(prepare(tmp_path / "tiny", {"model/config.json": b"{}"}), MANIFEST)

    for name in ("tokenizer.json", "model/model.bin", "head.safetensors"):
        assert f"{name} is not listed, which a cross_encoder needs" in str(caught.value)
    assert not (tmp_path / "tiny" / "student.json").exists()


def test_refuses_another_kind_than_is_needed(student):
    message = refusal(student, expect={"generator"})

    assert "holds the cross_encoder 'tiny', where a generator is needed" in message


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "EOF"),
        (b'{"kind": "cross_enc', "EOF"),
        (b"\xff", "Invalid JSON"),
        (b'{"kind": "ranker"}', "kind: "),
        (b'{"schema_version": 2}', "schema_version: "),
        (b" " * 5_000_000, "5,000,000 bytes"),
    ],
)
def test_refuses_a_manifest_that_is_none(student, content, problem):
    (student / "student.json").write_bytes(content)

    assert problem in refusal(student)


@pytest.mark.parametrize(
    ("files", "problem"),
    [
        ({"config.json": b"{}", "model.safetensors": b""}, "qrm models export"),
        ({"config.json": b"{}", "pytorch_model.bin": b""}, "is a Hugging Face checkpoint"),
        ({"config.json": b"{}", "model.bin": b""}, "is a bare CTranslate2 model"),
        ({"a/student.json": b"", "b/student.json": b""}, "holds the students a, b: name one"),
        ({"readme.md": b""}, "it holds readme.md"),
        ({}, "it holds nothing"),
    ],
)
def test_says_what_lies_there_instead_of_a_student(tmp_path, files, problem):
    assert problem in refusal(prepare(tmp_path, files))


def test_says_that_nothing_or_a_file_lies_there(tmp_path):
    (tmp_path / "file").write_text("")

    assert "there is no" in refusal(tmp_path / "absent")
    assert "is a file" in refusal(tmp_path / "file")


def test_reports_a_file_that_cannot_be_read(student, monkeypatch):
    def refuse(self, *_args, **_options):
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr("pathlib.Path.read_bytes", refuse)

    assert "student.json: Permission denied" in refusal(student)


def test_writing_leaves_a_manifest_alone_unless_asked(student):
    with pytest.raises(ConfigError, match=r"student\.json exists"):
        write_student(student, MANIFEST)

    renamed = MANIFEST.model_copy(update={"name": "other"})

    assert write_student(student, renamed, replace=True).manifest.name == "other"


def test_the_hash_follows_what_answers_depend_on_only(student):
    before = student_hash(read_student(student))

    relist(student, lambda tree: tree.update(name="other", quality={"AUC": 0.9}))
    assert student_hash(read_student(student)) == before

    relist(student, lambda tree: tree.update(calibration=Calibration(slope=2).model_dump()))
    assert student_hash(read_student(student)) != before


def test_a_new_student_appears_when_it_is_complete(tmp_path):
    target = tmp_path / "models" / "tiny"

    with new_student(target) as folder:
        write_student(prepare(folder), MANIFEST)
        assert not target.exists()

    assert read_student(target).manifest.name == "tiny"
    assert [entry.name for entry in target.parent.iterdir()] == ["tiny"]


def test_a_student_gives_way_to_a_new_one_only_when_asked(student):
    with pytest.raises(ConfigError, match="holds a student already"), new_student(student):
        pass

    with new_student(student, replace=True) as folder:
        write_student(prepare(folder), MANIFEST.model_copy(update={"name": "newer"}))

    assert read_student(student).manifest.name == "newer"
    assert [entry.name for entry in student.parent.iterdir()] == ["tiny"]


@pytest.mark.parametrize("failure", ["raises", "leaves no manifest", "adds a file"])
def test_a_failed_attempt_leaves_the_old_student(student, failure):
    def attempt():
        with new_student(student, replace=True) as folder:
            prepare(folder)
            if failure == "raises":
                raise OSError
            if failure == "adds a file":
                write_student(folder, MANIFEST)
                prepare(folder, {"late": b""})

    with pytest.raises((OSError, ConfigError)):
        attempt()

    assert read_student(student).manifest.name == "tiny"
    assert [entry.name for entry in student.parent.iterdir()] == ["tiny"]


def test_the_old_student_returns_when_the_new_one_cannot_take_its_place(student, monkeypatch):
    rename = type(student).rename

    def refuse(self, target):
        if self.name == "new":
            raise PermissionError(13, "Permission denied", str(target))
        return rename(self, target)

    monkeypatch.setattr("pathlib.Path.rename", refuse)

    with pytest.raises(PermissionError), new_student(student, replace=True) as folder:
        write_student(prepare(folder), MANIFEST)

    assert read_student(student).manifest.name == "tiny"


def test_replacing_never_removes_a_folder_that_is_no_student(tmp_path):
    (tmp_path / "precious.txt").write_text("x")

    with (
        pytest.raises(ConfigError, match="no student's folder"),
        new_student(tmp_path, replace=True),
    ):
        pass

    assert (tmp_path / "precious.txt").exists()


def test_an_empty_folder_may_become_a_student(tmp_path):
    (tmp_path / "empty").mkdir()

    with new_student(tmp_path / "empty") as folder:
        write_student(prepare(folder), MANIFEST)

    assert read_student(tmp_path / "empty").manifest.name == "tiny"


def test_a_students_hash_depends_on_its_aspects_and_without_any_is_what_it_was():
    def hash_of(**fields):
        return student_hash(StudentFolder(Path(), MANIFEST.model_copy(update=fields)))

    before_there_were_any = "333a4ae1ed26072a6321d99bc7f0d5ed9e149f347271f4692353a9bd7fb24ac1"
    brand, model = ({"aspects": (name,), "verdicts": ("yes", "no")} for name in ("brand", "model"))

    assert hash_of() == before_there_were_any
    assert len({hash_of(), hash_of(**brand), hash_of(**model)}) == 3

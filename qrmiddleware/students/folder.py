"""A student's folder on disk: read with every hash checked, written whole or not at all."""

import hashlib
import json
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from pydantic import ValidationError

from qrmiddleware.errors import ConfigError
from qrmiddleware.students.manifest import (
    HEAD_FILE,
    MANIFEST_FILE,
    MODEL_FOLDER,
    TOKENIZER_FILE,
    Kind,
    Manifest,
)

MODEL_FILE: Final = f"{MODEL_FOLDER}/model.bin"
"""CTranslate2's weights; the only ``.bin`` that a student may hold."""

_MANIFEST_LIMIT_BYTES: Final = 4 * 1024 * 1024
_PICKLE_SUFFIXES: Final = frozenset(
    {".pkl", ".pickle", ".pt", ".pth", ".ckpt", ".joblib", ".npy", ".npz", ".bin"}
)
_ARCHIVE_STARTS: Final = (b"PK\x03\x04", b"\x93NUMPY")
"""Of a zip, as torch.save and numpy.savez write it, and of an array that may hold objects."""


@dataclass(frozen=True, slots=True)
class StudentFolder:
    """A folder whose files were found to be what its manifest says."""

    path: Path
    manifest: Manifest

    @property
    def tokenizer_file(self) -> Path:
        """The tokenizer, as the ``tokenizers`` library reads it."""
        return self.path / TOKENIZER_FILE

    @property
    def model_folder(self) -> Path:
        """What CTranslate2 reads."""
        return self.path / MODEL_FOLDER

    @property
    def head_file(self) -> Path | None:
        """The head's weights; ``None`` where the student has none."""
        return self.path / HEAD_FILE if HEAD_FILE in self.manifest.files else None


def read_student(path: Path, *, expect: Collection[Kind] | None = None) -> StudentFolder:
    """Read a student's manifest and check every file of its folder against it.

    Args:
        path: The folder; it may be a link.
        expect: Kinds that the caller can use; ``None`` takes every kind.

    Raises:
        ConfigError: If the folder is none, holds something else than a student, holds one of
            another kind, or holds files that are missing, changed, not listed or not safe to
            load. All such files are named at once.
    """
    try:
        return _read(path, expect)
    except OSError as error:
        problem = f"cannot read {error.filename or path}: {error.strerror or error}"
        raise ConfigError(problem) from error


def student_hash(folder: StudentFolder) -> str:
    """Return one SHA-256 over all that a student's answers depend on, for cache keys.

    Covers every file's hash and what the manifest adds to them: inputs, pooling, gains,
    calibration and aspects. Name, quality and provenance may change without changing it.
    """
    manifest = folder.manifest
    parts = {
        "kind": manifest.kind,
        "files": manifest.files,
        "pooling": manifest.architecture.pooling,
        **manifest.model_dump(include={"inputs", "labels", "gains", "calibration"}),
    }
    if manifest.aspects:  # others keep the hash that they had before there were any
        parts |= manifest.model_dump(include={"aspects", "verdicts"})
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


@contextmanager
def new_student(path: Path, *, replace: bool = False) -> Iterator[Path]:
    """Give an empty folder to prepare a student in; move it to ``path`` when it is complete.

    The empty folder is a hidden sibling of ``path``. It must have been through `write_student`
    when the block ends; it is removed if the block raises, and ``path`` is as it was before.

    Args:
        path: Where the student shall lie.
        replace: Whether a student that lies there gives way.

    Raises:
        ConfigError: If ``path`` exists and may not be replaced, or is no student's folder, or
            what was prepared is no complete student.
    """
    path = path.absolute()
    _check_free(path, replace=replace)
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.") as scratch:
        prepared = Path(scratch, "new")
        prepared.mkdir()
        yield prepared
        read_student(prepared)
        _put_in_place(prepared, path, Path(scratch, "old"))


def write_student(path: Path, manifest: Manifest, *, replace: bool = False) -> StudentFolder:
    """Hash what lies in a prepared folder, and write its manifest last.

    Args:
        path: The folder, with ``tokenizer.json``, ``model/`` and all else already in it; see
            `new_student` for one that appears at its place only when it is complete.
        manifest: All but ``files``, which is made here.
        replace: Whether a manifest that lies there is written anew.

    Raises:
        ConfigError: If a manifest lies there already, or the folder is no complete student.
    """
    target = path / MANIFEST_FILE
    if target.exists() and not replace:
        problem = f"{target} exists: remove it, or write into an empty folder"
        raise ConfigError(problem)
    files = {name: _sha256(path / name) for name in _files_of(path)}
    complete = manifest.model_copy(update={"files": files})
    _check_files(path, complete)
    beside = target.with_suffix(".json.new")
    beside.write_text(complete.model_dump_json(indent=2) + "\n", encoding="utf-8")
    beside.replace(target)
    return StudentFolder(path, complete)


def _check_free(path: Path, *, replace: bool) -> None:
    if not path.exists() or (path.is_dir() and not any(path.iterdir())):
        return
    if not (path / MANIFEST_FILE).is_file():
        problem = f"{path} exists and is no student's folder: name another place"
        raise ConfigError(problem)
    if not replace:
        problem = f"{path} holds a student already: name another place, or ask to replace it"
        raise ConfigError(problem)


def _put_in_place(prepared: Path, path: Path, old: Path) -> None:
    if not path.exists():
        prepared.rename(path)
        return
    path.rename(old)
    try:
        prepared.rename(path)
    except OSError:
        old.rename(path)
        raise


def _read(path: Path, expect: Collection[Kind] | None) -> StudentFolder:
    manifest = _read_manifest(path)
    if expect is not None and manifest.kind not in expect:
        wanted = " or ".join(sorted(expect))
        problem = (
            f"{path} holds the {manifest.kind} {manifest.name!r}, where a {wanted} is needed: "
            "name another student's folder (qrm models list shows the kinds)"
        )
        raise ConfigError(problem)
    _check_files(path, manifest)
    return StudentFolder(path, manifest)


def _check_files(path: Path, manifest: Manifest) -> None:
    problems = [*_bad_names(manifest), *_missing_parts(manifest)]
    if not problems:
        problems = [*_changed(path, manifest), *_unlisted(path, manifest)]
    if problems:
        found = "\n".join(f"  {problem}" for problem in problems)
        problem = (
            f"{path} is not the student that its {MANIFEST_FILE} describes:\n{found}\n"
            "Copy the folder again from where it was made, or make it anew (qrm models export)."
        )
        raise ConfigError(problem)


def _read_manifest(path: Path) -> Manifest:
    source = path / MANIFEST_FILE
    if not source.is_file():
        raise ConfigError(_what_lies_at(path))
    size = source.stat().st_size
    if size > _MANIFEST_LIMIT_BYTES:
        problem = f"{source} has {size:,} bytes: a manifest has some thousand"
        raise ConfigError(problem)
    try:
        return Manifest.model_validate_json(source.read_bytes())
    except ValidationError as error:
        found = "\n".join(
            f"  {'.'.join(map(str, each['loc'])) or MANIFEST_FILE}: {each['msg']}"
            for each in error.errors(include_url=False, include_context=False)
        )
        problem = (
            f"{source} cannot be used:\n{found}\n"
            "Make the folder anew with this version of qrmiddleware (qrm models export)."
        )
        raise ConfigError(problem) from error


def _what_lies_at(path: Path) -> str:
    if not path.exists():
        return f"there is no {path}: a student's folder is needed, with a {MANIFEST_FILE}"
    if not path.is_dir():
        return f"{path} is a file: name the folder that holds a student's {MANIFEST_FILE}"
    here = {entry.name for entry in path.iterdir()}
    if "config.json" in here and any(
        name == "tokenizer_config.json" or name.endswith((".safetensors", ".bin"))
        for name in here - {"model.bin"}
    ):
        return (
            f"{path} is a Hugging Face checkpoint, not a student: "
            f"make one of it with `qrm models export {path} FOLDER`"
        )
    if "model.bin" in here:
        return (
            f"{path} is a bare CTranslate2 model, without tokenizer and manifest: make a student "
            "from the checkpoint that it was converted from (qrm models export)"
        )
    inside = sorted(name for name in here if (path / name / MANIFEST_FILE).is_file())
    if inside:
        return (
            f"{path} has no {MANIFEST_FILE}, but holds the students {', '.join(inside)}: name one"
        )
    listed = ", ".join(sorted(here)[:8]) or "nothing"
    return f"{path} has no {MANIFEST_FILE}, so it is no student's folder; it holds {listed}"


def _bad_names(manifest: Manifest) -> Iterator[str]:
    for name in manifest.files:
        parts = PurePosixPath(name).parts
        inside = parts and ".." not in parts and not name.startswith("/")
        plain = "/".join(parts) == name and not set(name) & set("\\:\0")
        if not (inside and plain) or name == MANIFEST_FILE:
            yield f"files names {name!r}, which is no plain path inside of the folder"
        elif _may_be_pickle(name):
            yield f"{name} may hold pickled code, which is never loaded: leave it out"


def _may_be_pickle(name: str) -> bool:
    return PurePosixPath(name).suffix.lower() in _PICKLE_SUFFIXES and name != MODEL_FILE


def _looks_pickled(start: bytes) -> bool:
    # a safetensors file, too, may start with 80 02, as the low bytes of a length: 00 follows
    pickled = start[:1] == b"\x80" and start[1:2] in b"\2\3\4\5" and start[2:3] != b"\0"
    return pickled or start.startswith(_ARCHIVE_STARTS)


def _missing_parts(manifest: Manifest) -> Iterator[str]:
    needed = [TOKENIZER_FILE, MODEL_FILE]
    if manifest.kind == "cross_encoder":
        needed.append(HEAD_FILE)
    for name in needed:
        if name not in manifest.files:
            yield f"{name} is not listed, which a {manifest.kind} needs"


def _changed(path: Path, manifest: Manifest) -> Iterator[str]:
    for name, expected in manifest.files.items():
        file = path / name
        if not file.is_file():
            yield f"{name} is missing"
            continue
        with file.open("rb") as stream:
            start = stream.read(8)
        if _looks_pickled(start):
            yield f"{name} holds a pickle or an archive of some, which is never loaded"
            continue
        found = _sha256(file)
        if found != expected:
            size = file.stat().st_size
            yield f"{name} has {size:,} bytes with SHA-256 {found}, where {expected} is listed"


def _unlisted(path: Path, manifest: Manifest) -> Iterator[str]:
    for name in _files_of(path):
        if name not in manifest.files:
            yield f"{name} is not listed: remove it"


def _files_of(path: Path) -> list[str]:
    """Return the relative paths, with ``/``, of all but the manifest and plain folders."""
    return sorted(
        entry.relative_to(path).as_posix()
        for entry in path.rglob("*")
        if (entry.is_symlink() or not entry.is_dir()) and entry != path / MANIFEST_FILE
    )


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()

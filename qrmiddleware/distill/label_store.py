"""Keeps labels in a file that only grows: one line of JSON each, nothing is asked for twice."""

import os
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import IO, Final, Self

import msgspec

from qrmiddleware.distill.labels import Label
from qrmiddleware.errors import ConfigError

_SHOWN: Final = 80


class LabelStore:
    """The labels so far, and the file where more are put; used as a context manager.

    Every label is handed to the operating system as soon as it is added, in one piece: a process
    that is interrupted or killed loses none. A machine that loses power may leave half a line; it
    is cut off when the file is next opened for adding, and its pair is asked again.

    Only one process at a time may add: the file is locked while it is open.

    Attributes:
        note: What was mended on opening; empty if nothing was.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: set[bytes] = set()
        self._file: IO[bytes] | None = None
        self.note = ""

    def __enter__(self) -> Self:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            file = self._path.open("ab", buffering=0)
        except OSError as error:
            message = f"{self._path}: cannot be opened for adding labels: {error}"
            raise ConfigError(message) from error
        try:
            _lock(file, self._path)
            self.note = _mend_last_line(self._path)
            self._known = {_key(label.teacher, label.pair) for label in _lines(self._path)}
        except BaseException:
            file.close()
            raise
        self._file = file
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def __len__(self) -> int:
        return len(self._known)

    def has(self, teacher: str, pair: str) -> bool:
        """Whether this teacher has labelled the pair of this key."""
        return _key(teacher, pair) in self._known

    def add(self, label: Label) -> None:
        """Put a label to the file, at once."""
        if self._file is None:
            message = "the store of labels is not open"
            raise ValueError(message)
        line = memoryview(_line(label))
        while line:  # a full disk raises; a signal may leave a rest
            line = line[self._file.write(line) :]
        self._known.add(_key(label.teacher, label.pair))


def read_labels(path: Path, *, teacher: str | None = None) -> tuple[Label, ...]:
    """Read labels, of one teacher or of all, in the order in which their pairs were first labelled.

    Of several labels of one pair by one teacher the last counts. The file may still grow: a last
    line that is not yet whole is left out.

    Raises:
        ConfigError: If the file cannot be read, or a line in it is no label.
    """
    found: dict[bytes, Label] = {}
    for label in _lines(path):
        if teacher is None or label.teacher == teacher:
            found[_key(label.teacher, label.pair)] = label
    return tuple(found.values())


def _key(teacher: str, pair: str) -> bytes:
    return f"{pair}\0{teacher}".encode(errors="surrogatepass")


def _line(label: Label) -> bytes:
    told = {key: value for key, value in asdict(label).items() if value not in (None, "")}
    told |= {"query": label.query, "doc_id": label.doc_id}
    return msgspec.json.encode({key: _writable(value) for key, value in told.items()}) + b"\n"


def _writable(value: object) -> object:
    """Replace halves of characters, which UTF-8 cannot hold."""
    return value.encode(errors="replace").decode() if isinstance(value, str) else value


def _lines(path: Path) -> Iterator[Label]:
    decoder = msgspec.json.Decoder(Label)
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                if line.isspace():
                    continue
                try:
                    yield decoder.decode(line)
                except (msgspec.MsgspecError, UnicodeDecodeError) as error:
                    if not line.endswith(b"\n"):
                        return
                    raise _no_label(path, number, line, error) from error
    except OSError as error:
        message = f"{path}: labels cannot be read: {error}"
        raise ConfigError(message) from error


def _no_label(path: Path, number: int, line: bytes, error: Exception) -> ConfigError:
    start = line[:_SHOWN].decode(errors="replace").strip()
    return ConfigError(
        f"{path}:{number}: expected a label, found {start!r} ({error}); delete this line to have "
        "its pair asked again, or name another file"
    )


def _mend_last_line(path: Path) -> str:
    """Cut off what stands behind the last whole label; returns what was done."""
    with path.open("rb+") as file:
        size = file.seek(0, os.SEEK_END)
        start, rest = _last_line(file, size)
        if not rest:
            return ""
        try:
            msgspec.json.decode(rest, type=Label)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            file.truncate(start)
            return (
                f"{path}: the last line was only half written ({size - start} bytes); it is cut "
                "off, and its pair is asked again"
            )
        file.write(b"\n")
    return ""


def _last_line(file: IO[bytes], size: int, block: int = 1 << 16) -> tuple[int, bytes]:
    """Return where the unfinished last line begins, and what it holds."""
    rest, start = b"", size
    while start:
        step = min(block, start)
        start -= step
        file.seek(start)
        rest = file.read(step) + rest
        if (end := rest.rfind(b"\n")) >= 0:
            file.seek(size)
            return start + end + 1, rest[end + 1 :]
    file.seek(size)
    return 0, rest


def _lock(file: IO[bytes], path: Path) -> None:
    """Keep other processes from adding to the file, where the system can."""
    try:
        import fcntl  # noqa: PLC0415 not on Windows
    except ImportError:
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        message = (
            f"{path}: another process is adding labels to this file; wait for it, or name another "
            "file"
        )
        raise ConfigError(message) from error
    except OSError:
        return  # a file system without locks

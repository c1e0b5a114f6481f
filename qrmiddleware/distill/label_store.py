"""Keeps labels in a file that only grows: one line of JSON each, nothing is asked for twice."""

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import IO, Final, Self

import msgspec

from qrmiddleware.asking.growing_file import GrowingFile
from qrmiddleware.distill.labels import Label
from qrmiddleware.errors import ConfigError

_SHOWN: Final = 80


class LabelStore:
    """The labels so far, and the file where more are put; used as a context manager.

    No label that was added is lost by a process that ends; only one process at a time may add
    (see ``GrowingFile``).
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: set[bytes] = set()
        self._file = GrowingFile(path, "labels", _is_label)

    def __enter__(self) -> Self:
        self._file.open(self._load)
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def __len__(self) -> int:
        return len(self._known)

    @property
    def note(self) -> str:
        """What was mended on opening; empty if nothing was."""
        return self._file.note

    def has(self, teacher: str, pair: str) -> bool:
        """Whether this teacher has labelled the pair of this key."""
        return _key(teacher, pair) in self._known

    def add(self, label: Label) -> None:
        """Put a label to the file, at once."""
        self._file.add(_line(label))
        self._known.add(_key(label.teacher, label.pair))

    def _load(self) -> None:
        self._known = {_key(label.teacher, label.pair) for label in _lines(self._path)}


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


def label_places(path: Path) -> Iterator[tuple[int, Label]]:
    """Yield where every label's line begins in a file, in bytes, and the label.

    Raises:
        ConfigError: As ``read_labels``.
    """
    start = 0
    for line, label in _decoded(path):
        if label is not None:
            yield start, label
        start += len(line)


def label_at(file: IO[bytes], place: int) -> Label:
    """Read the label whose line begins at a place that ``label_places`` told."""
    file.seek(place)
    return msgspec.json.decode(file.readline(), type=Label)


def write_labels(path: Path, labels: Iterable[Label]) -> None:
    """Write labels to a new file, which is there when it is whole.

    Raises:
        ConfigError: If there is such a file already, or it cannot be written.
    """
    if path.exists():
        message = f"{path} is there already: labels are dear, so name another file, or delete it"
        raise ConfigError(message)
    part = path.with_name(f"{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as file:
            file.writelines(_line(label) + b"\n" for label in labels)
        part.replace(path)
    except OSError as error:
        message = f"{path}: labels cannot be written: {error}"
        raise ConfigError(message) from error
    finally:
        part.unlink(missing_ok=True)


def _key(teacher: str, pair: str) -> bytes:
    return f"{pair}\0{teacher}".encode(errors="surrogatepass")


def _line(label: Label) -> bytes:
    told = {key: value for key, value in asdict(label).items() if value not in (None, "")}
    told |= {"query": label.query, "doc_id": label.doc_id}
    if not label.unread:
        del told["unread"]
    return msgspec.json.encode({key: _writable(value) for key, value in told.items()})


def _writable(value: object) -> object:
    """Replace halves of characters, which UTF-8 cannot hold."""
    return value.encode(errors="replace").decode() if isinstance(value, str) else value


def _lines(path: Path) -> Iterator[Label]:
    return (label for _, label in _decoded(path) if label is not None)


def _decoded(path: Path) -> Iterator[tuple[bytes, Label | None]]:
    """Yield every line, and its label unless the line is empty."""
    decoder = msgspec.json.Decoder(Label)
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                try:
                    yield line, None if line.isspace() else decoder.decode(line)
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


def _is_label(line: bytes) -> bool:
    try:
        msgspec.json.decode(line, type=Label)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return False
    return True

"""A file of lines that only grows: what a model was asked for is not lost, nor asked for twice."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import IO

from qrmiddleware.errors import ConfigError


class GrowingFile:
    """A file that lines are added to, by one process at a time: it is locked while it is open.

    Every line is handed to the operating system as soon as it is added, in one piece: a process
    that is interrupted or killed loses none. A machine that loses power may leave half a line; it
    is cut off when the file is next opened.

    Args:
        path: Of the file; folders are made.
        what: Lines are, in the plural, for errors: ``labels``.
        is_whole: Whether a last line that has no end is one nevertheless.

    Attributes:
        note: What was mended on opening; empty if nothing was.
    """

    def __init__(self, path: Path, what: str, is_whole: Callable[[bytes], bool]) -> None:
        self._path = path
        self._what = what
        self._is_whole = is_whole
        self._file: IO[bytes] | None = None
        self.note = ""

    def open(self, load: Callable[[], object]) -> None:
        """Open and mend the file, then load what is in it; where that fails it is closed again.

        Raises:
            ConfigError: If it cannot be opened, or another process has it open.
        """
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            file = self._path.open("ab", buffering=0)
        except OSError as error:
            message = f"{self._path}: cannot be opened for adding {self._what}: {error}"
            raise ConfigError(message) from error
        try:
            self._lock(file)
            self._mend()
            load()
        except BaseException:
            file.close()
            raise
        self._file = file

    def close(self) -> None:
        """Let others add."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def add(self, line: bytes) -> None:
        """Add a line, without its end, at once."""
        if self._file is None:
            message = f"{self._path} is not open for adding {self._what}"
            raise ValueError(message)
        rest = memoryview(line + b"\n")
        while rest:  # a full disk raises; a signal may leave a rest
            rest = rest[self._file.write(rest) :]

    def _lock(self, file: IO[bytes]) -> None:
        """Keep other processes from adding to the file, where the system can."""
        try:
            import fcntl  # noqa: PLC0415 not on Windows
        except ImportError:
            return
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            message = (
                f"{self._path}: another process is adding {self._what} to this file; wait for it, "
                "or name another file"
            )
            raise ConfigError(message) from error
        except OSError:
            return  # a file system without locks

    def _mend(self) -> None:
        """Cut off what stands behind the last whole line."""
        with self._path.open("rb+") as file:
            size = file.seek(0, os.SEEK_END)
            start, rest = _last_line(file, size)
            if not rest:
                return
            if self._is_whole(rest):
                file.write(b"\n")
                return
            file.truncate(start)
        self.note = (
            f"{self._path}: the last line was only half written ({size - start} bytes); it is cut "
            "off, and its pair is asked again"
        )


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

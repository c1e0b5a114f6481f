"""The folder that holds all versions of a student, and the file that says which one serves."""

import os
import re
import secrets
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec
from filelock import FileLock, Timeout

from qrmiddleware import ConfigError
from qrmiddleware.students.folder import read_student
from qrmiddleware.students.manifest import Kind
from qrmiddleware_rl_qr.versions.state import State, serve_first

STATE_FILE: Final = "state.json"
EVIDENCE_FILE: Final = "evidence.sqlite"
_LOCK_FILE: Final = ".state.lock"
_NAME: Final = re.compile(r"\d{4,}")
_LOCK_S: Final = 10
_KINDS: Final[tuple[Kind, ...]] = ("generator",)

Stamp = tuple[int, int, int] | None
"""What differs between two contents of the state file; ``None`` where there is no file."""


class VersionFolder:
    """Students in folders ``0001``, ``0002`` …, and ``state.json`` beside them.

    Several processes may change the state: each change is made under a lock, on the state as it
    is then, and replaces the file at once.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def names(self) -> tuple[str, ...]:
        """Return the versions that are there, oldest first."""
        if not self.path.is_dir():
            return ()
        found = (each.name for each in self.path.iterdir() if each.is_dir())
        return tuple(sorted(filter(_NAME.fullmatch, found), key=int))

    def student(self, version: str) -> Path:
        """Return the folder of a version's student.

        Raises:
            ConfigError: If there is no such version.
        """
        if version not in self.names():
            there = ", ".join(self.names()) or "none"
            problem = f"{self.path} has no version {version!r}; there are: {there}"
            raise ConfigError(problem)
        return self.path / version

    def add(self, source: Path) -> str:
        """Copy a generator's folder in as the newest version; the first one serves.

        Raises:
            ConfigError: If it is no intact generator, or cannot be copied.
        """
        read_student(source, expect=_KINDS)
        self.path.mkdir(parents=True, exist_ok=True)
        draft = self.path / f".draft-{secrets.token_hex(4)}"
        try:
            shutil.copytree(source, draft)
            with self._locked():
                name = f"{max(map(int, self.names()), default=0) + 1:04}"
                draft.rename(self.path / name)
                if self.stamp() is None:
                    self._write(serve_first(name))
        except OSError as error:
            problem = f"{source} cannot be copied into {self.path}: {error}"
            raise ConfigError(problem) from error
        finally:
            shutil.rmtree(draft, ignore_errors=True)
        return name

    def read(self) -> State:
        """Read the state.

        Raises:
            ConfigError: If there is none, or it cannot be read.
        """
        file = self.path / STATE_FILE
        try:
            state = msgspec.json.decode(file.read_bytes(), type=State)
        except FileNotFoundError as error:
            problem = f"{file} is missing: `qrm rl-qr versions add` makes it with a first version"
            raise ConfigError(problem) from error
        except (OSError, msgspec.MsgspecError) as error:
            raise ConfigError(f"{file} cannot be read: {error}") from error  # noqa: EM102, TRY003
        if state.canary and not (0 < state.share < 1 and state.trial):
            problem = f"{file} names a canary, and share {state.share:g}, trial {state.trial!r}"
            raise ConfigError(problem)
        return state

    def change(self, how: Callable[[State], State]) -> State:
        """Change the state as it is at the moment; nothing is written where nothing changes.

        Returns:
            The state that holds now.

        Raises:
            ConfigError: If it cannot be read or written, or as ``how`` raises it.
        """
        with self._locked():
            before = self.read()
            after = how(before)
            if after != before:
                for version in after.wanted:
                    self.student(version)
                self._write(after)
        return after

    def stamp(self) -> Stamp:
        """Tell one content of the state file from another, without reading it."""
        try:
            seen = (self.path / STATE_FILE).stat()
        except OSError:
            return None
        return (seen.st_mtime_ns, seen.st_size, seen.st_ino)

    def _locked(self) -> "_Locked":
        return _Locked(self.path / _LOCK_FILE)

    def _write(self, state: State) -> None:
        file = self.path / STATE_FILE
        draft = file.with_name(f".{STATE_FILE}.{secrets.token_hex(4)}")
        try:
            with draft.open("wb") as stream:
                stream.write(msgspec.json.format(msgspec.json.encode(state)) + b"\n")
                stream.flush()
                os.fsync(stream.fileno())
            draft.replace(file)
        except OSError as error:
            problem = f"{file} cannot be written: {error}"
            raise ConfigError(problem) from error
        finally:
            with suppress(OSError):
                draft.unlink(missing_ok=True)


class _Locked:
    """Holds the lock for a block.

    Raises:
        ConfigError: If others hold it for too long, or it cannot be made.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = FileLock(path, timeout=_LOCK_S)

    def __enter__(self) -> None:
        try:
            self._lock.acquire()
        except (Timeout, OSError) as error:
            problem = f"{self._path} cannot be locked: {error}"
            raise ConfigError(problem) from error

    def __exit__(self, *exc: object) -> None:
        self._lock.release()

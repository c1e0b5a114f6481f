"""Rules that follow their files without a restart."""

import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, TypeAlias

from qrmiddleware import ConfigError
from qrmiddleware_rules.ruleset import RuleSet

_CHECK_EVERY_NS: Final = 1_000_000_000

_State: TypeAlias = tuple[tuple[int, int, int] | None, ...]


class LiveRules:
    """Holds the current rule set and swaps it when a file has changed.

    Files are looked at once a second at most, by the call that happens to come then; that
    call reads them, the others go on with the rules there are.
    """

    def __init__(self, paths: Sequence[Path], read: Callable[[], RuleSet]) -> None:
        self._paths = tuple(paths)
        self._read = read
        self._lock = threading.Lock()
        self._state = self._look()
        self._current = read()
        self._checked_ns = time.monotonic_ns()

    @property
    def due(self) -> bool:
        """Whether the next call looks at the files, and may read them."""
        return time.monotonic_ns() - self._checked_ns >= _CHECK_EVERY_NS

    def current(self) -> RuleSet:
        """Return the rules, read anew if a file has changed.

        Raises:
            ConfigError: If a changed file holds errors: once for each change, and the rules
                that were there before stay in use.
        """
        if self.due and self._lock.acquire(blocking=False):
            try:
                self._follow()
            finally:
                self._checked_ns = time.monotonic_ns()
                self._lock.release()
        return self._current

    def _follow(self) -> None:
        state = self._look()
        if state == self._state:
            return
        self._state = state
        try:
            self._current = self._read()
        except ConfigError as error:
            message = f"the changed rules cannot be used, those from before stay:\n{error}"
            raise ConfigError(message) from error

    def _look(self) -> _State:
        return tuple(_stat(path) for path in self._paths)


def _stat(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino

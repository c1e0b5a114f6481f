"""Tells a plugin whether its answer is still waited for."""

from collections.abc import Callable
from contextvars import ContextVar
from math import inf
from time import perf_counter
from typing import Final, TypeVar

_T = TypeVar("_T")


class Patience:
    """Of one search with one call of a plugin's hook.

    May be asked from any thread.

    Args:
        deadline: When it ends, on the clock of ``time.perf_counter``.
    """

    __slots__ = ("_deadline", "_lost")

    def __init__(self, deadline: float = inf) -> None:
        self._deadline = deadline
        self._lost = False

    def wanted(self) -> bool:
        """Whether the answer would still be used; once false, it stays so.

        False when the call's time is over, and as soon as the search has given up: its client
        is gone, or it failed.
        """
        return not self._lost and perf_counter() < self._deadline

    def left_s(self) -> float:
        """Return the seconds until the answer is not wanted any more; never below zero."""
        return 0.0 if self._lost else max(0.0, self._deadline - perf_counter())

    def lose(self) -> None:
        """Say that nobody waits any more."""
        self._lost = True

    def call(self, question: Callable[[], _T]) -> _T:
        """Call a hook that finds this with ``patience()``."""
        token = _CURRENT.set(self)
        try:
            return question()
        finally:
            _CURRENT.reset(token)


_ENDLESS: Final = Patience()
_CURRENT: Final[ContextVar[Patience]] = ContextVar("qrm_patience", default=_ENDLESS)


def patience() -> Patience:
    """Return the patience of the search that asks; called by a plugin within a hook.

    Outside of a search, as in a test or ``qrm_startup``, it never ends. A thread that the
    plugin starts itself has to be given it.
    """
    return _CURRENT.get()

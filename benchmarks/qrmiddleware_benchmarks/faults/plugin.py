"""The plugin that does what a file says: propose a rewrite, or misbehave."""

import ctypes
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ConfigDict

from qrmiddleware import Query, Rewrite, hookimpl

FINE: Final = "fine"
ONCE: Final = ("blocks", "crashes")
"""Moods that pass when one call had them."""

_LEAK_BYTES: Final = 2 << 20
_BLOCK_US: Final = 1_000_000
_SLEEP_S: Final = 2.0


class Faulty:
    """Proposes one rewrite, if its mood allows."""

    class Settings(BaseModel):
        """Options of ``plugin: faulty``."""

        model_config = ConfigDict(extra="forbid", frozen=True)

        mood: Path
        """The file that says what it does."""

    def __init__(self, settings: Settings) -> None:
        self._mood = settings.mood
        self._leaked: list[bytearray] = []

    @hookimpl
    def qrm_rewrite(self, query: Query) -> Sequence[Rewrite]:
        """Do what the mood says, and propose a rewrite if that is still possible."""
        mood = self._current()
        match mood:
            case "raises":
                message = "out of order"
                raise RuntimeError(message)
            case "sleeps":
                time.sleep(_SLEEP_S)
            case "rubbish":
                rubbish: Any = "not a list of rewrites"
                return list(rubbish)
            case "leaks":
                self._leaked.append(bytearray(b"\1") * _LEAK_BYTES)
            case "blocks":
                ctypes.PyDLL(None).usleep(_BLOCK_US)  # unlike CDLL, keeps the interpreter's lock
            case "crashes":
                ctypes.string_at(0)
            case _:
                pass
        return [Rewrite(f"{query.text} original")]

    def _current(self) -> str:
        """Read the mood; one that passes is taken by one call of all processes only."""
        mood = self._mood.read_text(encoding="utf-8")
        if mood in ONCE:
            try:
                taken(self._mood).touch(exist_ok=False)
            except FileExistsError:
                return FINE
        return mood


def taken(mood: Path) -> Path:
    """Name the file that is there when a call has taken a mood that passes."""
    return mood.with_suffix(".taken")

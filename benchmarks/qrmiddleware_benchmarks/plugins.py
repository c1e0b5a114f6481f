"""Plugins that are made to be measured: two that behave, and two that do not.

They are no entry points of this distribution, so that nobody finds them among the real ones;
``installed`` shows them to the processes of a benchmark only.
"""

import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field

from qrmiddleware import Hit, Query, Rewrite, hookimpl

ENTRY_POINTS: Final = {
    "bench_filter": "WordFilter",
    "bench_reward": "WordReward",
    "bench_slow": "Slow",
    "bench_broken": "Broken",
}


class _Bare(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class WordFilter:
    """Flags hits that share no word with the query, unless none does; in plain Python."""

    class Settings(_Bare):
        """Options of ``plugin: bench_filter``."""

        field: str = "title"

    def __init__(self, settings: Settings) -> None:
        self._field = settings.field

    @hookimpl
    def qrm_filter(self, query: Query, hits: Sequence[Hit]) -> Sequence[bool]:
        """Keep hits that share a word."""
        wanted = _words(query.text)
        flags = [bool(wanted & _words(hit.source.get(self._field))) for hit in hits]
        return flags if any(flags) else [True] * len(hits)


class WordReward:
    """Rewards hits by the share of their words that the query holds."""

    class Settings(_Bare):
        """Options of ``plugin: bench_reward``."""

        field: str = "title"

    def __init__(self, settings: Settings) -> None:
        self._field = settings.field

    @hookimpl
    def qrm_reward(self, query: Query, hits: Sequence[Hit]) -> Sequence[float]:
        """Return each hit's share of words that were asked for."""
        wanted = _words(query.text)
        return [_share(wanted, _words(hit.source.get(self._field))) for hit in hits]


class Slow:
    """Has no opinion, after a while."""

    class Settings(_Bare):
        """Options of ``plugin: bench_slow``."""

        sleep_ms: Annotated[float, Field(ge=0)] = 100

    def __init__(self, settings: Settings) -> None:
        self._sleep_s = settings.sleep_ms / 1_000

    @hookimpl
    def qrm_rewrite(self, query: Query) -> Sequence[Rewrite] | None:  # noqa: ARG002 - the hook's
        """Sleep; a model that computes would hold its thread just so."""
        time.sleep(self._sleep_s)
        return None


class Broken:
    """Raises, whatever it is asked."""

    class Settings(_Bare):
        """Options of ``plugin: bench_broken``."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    @hookimpl
    def qrm_rewrite(self, query: Query) -> Sequence[Rewrite]:
        """Fail."""
        message = f"out of order, and so nothing for {query.text!r}"
        raise RuntimeError(message)


def installed(folder: Path) -> Mapping[str, str]:
    """Describe the plugins in a folder, as an installer would.

    Returns:
        The environment in which a process finds them.
    """
    described = folder / "qrm_bench_plugins-1.dist-info"
    described.mkdir(exist_ok=True)
    (described / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: qrm-bench-plugins\nVersion: 1\n", encoding="utf-8"
    )
    points = "".join(f"{name} = {__name__}:{cls}\n" for name, cls in ENTRY_POINTS.items())
    (described / "entry_points.txt").write_text(f"[qrmiddleware]\n{points}", encoding="utf-8")
    paths = [str(folder), os.environ.get("PYTHONPATH", "")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}


def _words(text: Any) -> set[str]:  # noqa: ANN401 - JSON
    return set(str(text or "").casefold().split())


def _share(wanted: set[str], words: set[str]) -> float:
    return len(wanted & words) / len(words) if words else 0.0

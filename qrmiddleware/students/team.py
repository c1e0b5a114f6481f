"""How many threads compute, chosen by measurement."""

import os
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Final, Protocol, TypeVar

from qrmiddleware.students.batches import Row, cut
from qrmiddleware.students.devices import CPU_BATCH_TOKENS
from qrmiddleware.students.settings import RuntimeSettings

_QUOTA = Path("/sys/fs/cgroup/cpu.max")
_TRIAL_S: Final = 0.4
_GAIN: Final = 0.9
_ROWS, _TOKENS = 48, 20
_MOST_CANDIDATES = 4


@dataclass(frozen=True, slots=True)
class Team:
    """Threads of a device.

    Attributes:
        workers: Batches that are computed at the same time.
        threads: That compute one batch together.
    """

    workers: int
    threads: int


class Computes(Protocol):
    """What is measured."""

    def vectors(self, rows: Sequence[Row]) -> object:
        """Compute one batch."""
        ...


T = TypeVar("T", bound=Computes)


def count_cores(quota: Path = _QUOTA) -> int:
    """Count the cores that this process may use, by its affinity and its container's quota."""
    seen = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    try:
        allowed, period = quota.read_text(encoding="ascii").split()
        return max(1, min(seen, int(allowed) // int(period)))
    except (OSError, ValueError):  # no such container, or its quota is "max"
        return seen


def teams(settings: RuntimeSettings, cores: int) -> list[Team]:
    """List the teams to try, the usual winner first; one where the settings leave no choice."""
    inter, intra = settings.inter_threads, settings.intra_threads
    if inter:
        return [Team(inter, intra or max(1, cores // inter))]
    if intra:
        return [Team(max(1, cores // intra), intra)]
    threads = [1]
    while threads[-1] * 2 <= cores and len(threads) < _MOST_CANDIDATES:
        threads.append(threads[-1] * 2)
    return [Team(cores // each, each) for each in threads]


def choose_team(
    candidates: Sequence[Team], load: Callable[[Team], T], *, trial_s: float = _TRIAL_S
) -> T:
    """Load the model for each team, and keep the one that is fastest with a search's rows.

    It ends after ``trial_s``, the time to load and one pass: what was not tried by then is not
    taken. The first team stays unless another is faster by a tenth.

    Args:
        candidates: One at least.
        load: Makes what computes with as many threads as the team has.
        trial_s: Time for all candidates together, in seconds.
    """
    best = load(candidates[0])
    if len(candidates) == 1:
        return best
    share_s = trial_s / len(candidates)
    best_s = _seconds(best, candidates[0], share_s)
    left_s = trial_s - max(share_s, best_s)
    for team in candidates[1:]:
        if left_s <= 0:
            break
        loaded = load(team)
        took_s = _seconds(loaded, team, min(share_s, left_s))
        left_s -= max(share_s, took_s)
        if took_s < best_s * _GAIN:
            best, best_s = loaded, took_s
    return best


def _seconds(encoder: Computes, team: Team, trial_s: float) -> float:
    """Return the shortest time of the passes that begin within the trial."""
    rows = [Row((0,) * length, (0,) * length) for length in _lengths()]
    parts = cut(_lengths(), budget=CPU_BATCH_TOKENS, parts=2 * team.workers)
    batches = [[rows[place] for place in part] for part in parts]
    shortest_s, begin = float("inf"), perf_counter()
    with ThreadPoolExecutor(team.workers) as pool:
        while shortest_s == float("inf") or perf_counter() - begin < trial_s:
            start = perf_counter()
            list(pool.map(encoder.vectors, batches))
            shortest_s = min(shortest_s, perf_counter() - start)
    return shortest_s


def _lengths() -> list[int]:
    """Lengths of titles with their query: within a third around the mean."""
    return [_TOKENS - 6 + 12 * row // (_ROWS - 1) for row in range(_ROWS)]

"""What this process saw of a trial, until it is written down for all."""

import threading
from collections import OrderedDict
from typing import Final

from qrmiddleware import Query, Rewrite, Trace
from qrmiddleware_rl_qr.versions.choosing import chosen_version, query_key
from qrmiddleware_rl_qr.versions.evidence import Evidence, Seen
from qrmiddleware_rl_qr.versions.state import State

_REMEMBERED: Final = 10_000
"""Failed queries whose search has not been observed yet, and rows that were not written yet."""


def label(version: str) -> str:
    """Return what the note of a version's rewrites begins with."""
    return f"version {version}"


class Ledger:
    """Gathers evidence off the disk; may be used from many threads at once.

    Args:
        evidence: Where it is written.
    """

    def __init__(self, evidence: Evidence) -> None:
        self._evidence = evidence
        self._lock = threading.Lock()
        self._failed: OrderedDict[Query, None] = OrderedDict()
        self._rows: dict[bytes, Seen] = {}
        self._trial = ""

    def fail(self, query: Query) -> None:
        """Remember that the generator was late, refused or raised."""
        with self._lock:
            self._failed[query] = None
            if len(self._failed) > _REMEMBERED:
                self._failed.popitem(last=False)

    def observe(self, trace: Trace, state: State) -> None:
        """Take a search down if it belongs to the trial, and can be told."""
        with self._lock:
            failed = self._failed.pop(trace.query, True) is None
        if not (state.canary and trace.outcome == "handled" and trace.query.text.strip()):
            return
        version = chosen_version(state, trace.query.text)
        notes = [
            (decision.proposal.note.partition(",")[0], decision.admitted)
            for decision in trace.decisions
            if isinstance(decision.proposal, Rewrite)
        ]
        others = {note for note, _ in notes if note.startswith(label(""))} - {label(version)}
        if others and not failed:
            return  # the state changed while it was under way
        admitted = (label(version), True) in notes
        seen = Seen(
            query_key(trace.query.text, state.trial),
            version,
            found_nothing=trace.total == 0,
            failed=failed,
            rewritten=admitted,
            helped=admitted and trace.found_by_rewrites > 0,
            ms=trace.duration_ms,
        )
        self._keep(state.trial, seen)

    def write(self, trial: str) -> bool:
        """Write down what is new of a trial; what was seen of others is dropped.

        Returns:
            Whether anything is new.

        Raises:
            ConfigError: If it cannot be written; it is kept then.
        """
        with self._lock:
            if self._trial != trial:
                self._trial, self._rows = trial, {}
            rows = list(self._rows.values())
        if not rows:
            return False
        self._evidence.add(trial, rows)
        with self._lock:
            if self._trial == trial:
                for row in rows:
                    self._rows.pop(row.query, None)
        return True

    def _keep(self, trial: str, seen: Seen) -> None:
        with self._lock:
            if trial != self._trial:
                self._trial, self._rows = trial, {}
            if len(self._rows) < _REMEMBERED:
                self._rows.setdefault(seen.query, seen)

"""Rewrites with the version that a query is dealt, and ends trials that go badly."""

import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import CancelledError
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from qrmiddleware import ConfigError, OverloadError, Query, Rewrite, Trace, patience
from qrmiddleware.rewriting import RewritingOptions
from qrmiddleware_rl_qr.versions.evidence import Evidence
from qrmiddleware_rl_qr.versions.fleet import Fleet, Opened
from qrmiddleware_rl_qr.versions.folder import EVIDENCE_FILE, VersionFolder
from qrmiddleware_rl_qr.versions.ledger import Ledger, label
from qrmiddleware_rl_qr.versions.state import State, roll_back
from qrmiddleware_rl_qr.versions.worse import Counts, Limits, verdict

_EVENTS_SHOWN: Final = 5


@dataclass(frozen=True, slots=True)
class TrialOptions(Limits):
    """When a trial is looked at, and whether it may end by itself.

    Attributes:
        watch_s: Seconds between two looks.
        roll_back: Whether a canary that is worse is rolled back.
    """

    watch_s: float = 2.0
    roll_back: bool = True


class VersionedRewriter:
    """Asks the versions in a folder; a thread of its own follows their state.

    Args:
        path: The folder.
        asking: How every version is asked.
        options: Of trials.
    """

    def __init__(self, path: Path, asking: RewritingOptions, options: TrialOptions) -> None:
        self._folder, self._options = VersionFolder(path), options
        self._fleet = Fleet(self._folder, asking)
        self._evidence = Evidence(path / EVIDENCE_FILE)
        self._ledger = Ledger(self._evidence)
        self._ended = threading.Event()
        self._watching: threading.Thread | None = None
        self._problem = ""

    def qrm_startup(self) -> None:
        """Open what the state names, and begin to watch it.

        Raises:
            ConfigError: If the state cannot be read, or the serving version not be opened.
        """
        self._fleet.start()
        self._ended.clear()
        self._watching = threading.Thread(target=self._watch, name="rl_qr versions", daemon=True)
        self._watching.start()

    def qrm_shutdown(self) -> None:
        """Write down what is not written yet, and let go of all."""
        self._ended.set()
        if self._watching is not None:
            self._watching.join()
            self._watching = None
        self._fleet.stop()

    def qrm_status(self) -> Mapping[str, object] | None:
        """Say which versions answer, what a trial has shown so far, and what went wrong last."""
        state = self._fleet.state
        if not state.serving:
            return None
        trial: dict[str, object] = {}
        problem = self._problem
        if state.canary:
            try:
                counts = self._evidence.counts(state.trial)
            except ConfigError as error:
                problem, counts = str(error), {}
            trial = {name: asdict(each) for name, each in counts.items()}
        return {
            "serving": state.serving,
            "canary": state.canary,
            "share": state.share,
            "trial": trial,
            "events": [asdict(event) for event in state.events[-_EVENTS_SHOWN:]],
            "versions": self._fleet.status(),
            **({"last_problem": problem} if problem else {}),
        }

    def qrm_rewrite(self, query: Query) -> Sequence[Rewrite] | None:
        """Write rewrites with the query's version; where the canary breaks, with what serves."""
        with self._fleet.version_for(query.text) as opened:
            tried = opened.version == self._fleet.state.canary
            try:
                return self._written(opened, query)
            except (CancelledError, OverloadError):
                self._ledger.fail(query)
                raise
            except Exception:
                self._ledger.fail(query)
                if not tried:
                    raise
        with self._fleet.version_for(query.text, tried=False) as opened:
            return self._written(opened, query)

    def observe(self, trace: Trace) -> None:
        """Take down what became of a search."""
        self._ledger.observe(trace, self._fleet.state)

    def look(self) -> None:
        """Follow the state, write evidence down, and end a trial that goes badly.

        Raises:
            ConfigError: If any of it cannot be done; searches go on as before.
        """
        self._fleet.look()
        state = self._fleet.state
        if self._ledger.write(state.trial) and self._options.roll_back:
            self._judge(state)

    def _written(self, opened: Opened, query: Query) -> Sequence[Rewrite] | None:
        wanted = patience().wanted
        note = label(opened.version)
        rewrites = opened.rewriting.rewrites(query.text, wanted=wanted, note=note)
        if not wanted():
            self._ledger.fail(query)  # a beam search runs to its end
        return rewrites or None

    def _judge(self, state: State) -> None:
        counts = self._evidence.counts(state.trial)
        canary = counts.get(state.canary, Counts())
        serving = counts.get(state.serving, Counts())
        reason = verdict(canary, serving, share=state.share, limits=self._options)
        if reason:
            self._folder.change(lambda now: roll_back(now, reason) if now == state else now)
            self._fleet.look()

    def _watch(self) -> None:
        while not self._ended.wait(self._options.watch_s):
            self._look_around()
        self._look_around()

    def _look_around(self) -> None:
        try:
            self.look()
        except Exception as error:  # noqa: BLE001 - whatever it is, searches go on
            self._problem = f"{type(error).__name__}: {error}"
        else:
            self._problem = ""

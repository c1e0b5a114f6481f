"""Which version serves, which one is tried on a share of the queries, and how it came to that."""

import datetime as dt
import secrets
from dataclasses import dataclass, replace
from typing import Final

from qrmiddleware import ConfigError

EVENTS_KEPT: Final = 50


@dataclass(frozen=True, slots=True)
class Event:
    """A change of the state.

    Attributes:
        at: When, UTC, as ISO 8601 has it.
        what: ``serving``, ``canary``, ``promoted``, ``rolled back`` or ``refused``.
        version: Which version it happened to.
        reason: For people; empty where somebody just asked for it.
    """

    at: str
    what: str
    version: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class State:
    """What the file ``state.json`` holds.

    Attributes:
        serving: Version that answers what the canary does not.
        previous: Version that served before it; what is rolled back to. Empty if none did.
        canary: Version on trial; empty if there is none.
        share: Of the queries that the canary answers; 0 < share < 1 with a canary.
        trial: Names the canary's trial; evidence is kept by it.
        events: What happened, oldest first; the last ``EVENTS_KEPT``.
    """

    serving: str
    previous: str = ""
    canary: str = ""
    share: float = 0.0
    trial: str = ""
    events: tuple[Event, ...] = ()

    @property
    def wanted(self) -> tuple[str, ...]:
        """The versions that answer queries, the serving one first."""
        return (self.serving, self.canary) if self.canary else (self.serving,)


def serve_first(version: str) -> State:
    """Return the state in which a first version serves."""
    return _noted(State(version), "serving", version)


def try_out(state: State, version: str, share: float) -> State:
    """Give a version a share of the queries; a new trial begins.

    Raises:
        ConfigError: If it serves already, or the share is none.
    """
    if version == state.serving:
        problem = f"version {version} serves already: there is nothing to try"
        raise ConfigError(problem)
    if not 0 < share < 1:
        problem = f"share is {share:g}: above 0 and below 1"
        raise ConfigError(problem)
    trial = f"{version}-{secrets.token_hex(4)}"
    tried = replace(state, canary=version, share=share, trial=trial)
    return _noted(tried, "canary", version, f"on {share:.1%} of the queries")


def promote(state: State, version: str) -> State:
    """Have a version serve all queries; a trial ends.

    Raises:
        ConfigError: If it serves already.
    """
    if version == state.serving:
        problem = f"version {version} serves already"
        raise ConfigError(problem)
    promoted = State(version, previous=state.serving, events=state.events)
    return _noted(promoted, "promoted", version)


def roll_back(state: State, reason: str, *, what: str = "rolled back") -> State:
    """End the trial; without one, return to the version that served before.

    Raises:
        ConfigError: If there is neither.
    """
    if state.canary:
        back = replace(state, canary="", share=0.0, trial="")
        return _noted(back, what, state.canary, reason)
    if not state.previous:
        problem = f"version {state.serving} serves, none is on trial, and none served before it"
        raise ConfigError(problem)
    back = State(state.previous, events=state.events)
    return _noted(back, what, state.serving, reason)


def _noted(state: State, what: str, version: str, reason: str = "") -> State:
    now = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
    events = (*state.events, Event(now, what, version, reason))
    return replace(state, events=events[-EVENTS_KEPT:])

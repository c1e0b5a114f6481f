"""Calls plugins off the caller's thread: bounded, in time, and not again while they fail."""

from collections.abc import Callable, Mapping
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass, field
from functools import partial
from math import inf
from time import perf_counter
from typing import Any, Final

from qrmiddleware.errors import OverloadError, PluginError
from qrmiddleware.hooks.patience import Patience
from qrmiddleware.model import Call
from qrmiddleware.runner.pool import PluginPool

_FINE: Final = ("success", "no_opinion")
_NO_FAULT: Final = "saturated"
"""The status of a plugin that had no room for the question; says nothing about the next one."""


class Breaker:
    """Switches a plugin's hook off after failures in a row, and tries it again after a while.

    Args:
        failures: Failures in a row that switch it off.
        reset_s: Seconds until one call is let through to try it.
        clock: Seconds that only go forward.
    """

    def __init__(
        self, failures: int, reset_s: float, clock: Callable[[], float] = perf_counter
    ) -> None:
        self._limit = failures
        self._reset_s = reset_s
        self._clock = clock
        self._in_a_row = 0
        self._open_until = 0.0

    @property
    def is_open(self) -> bool:
        """Whether the next call would be refused."""
        return self._in_a_row >= self._limit and self._clock() < self._open_until

    def admits(self) -> bool:
        """Whether to call; where the time has come, only one caller is told to."""
        if self._in_a_row < self._limit:
            return True
        if self._clock() < self._open_until:
            return False
        self._open_until = self._clock() + self._reset_s
        return True

    def note(self, *, success: bool) -> None:
        """Learn how a call went."""
        if success:
            self._in_a_row = 0
        else:
            self._in_a_row += 1
            if self._in_a_row >= self._limit:
                self._open_until = self._clock() + self._reset_s


class Pace:
    """Whether a plugin that says it answers at once does so.

    Args:
        limit_s: Longer calls are slow.
        patience: Slow calls in a row after which it is not believed any more.
    """

    def __init__(self, limit_s: float = 0.005, patience: int = 3) -> None:
        self._limit_s = limit_s
        self._patience = patience
        self._slow = 0

    @property
    def believed(self) -> bool:
        """Whether it is called where it would be waited for."""
        return self._slow < self._patience

    def note(self, elapsed_s: float) -> None:
        """Learn how long such a call took."""
        self._slow = self._slow + 1 if elapsed_s > self._limit_s else 0


@dataclass(frozen=True, slots=True)
class Member:
    """One plugin in its place in a pipeline.

    Attributes:
        name: Its tag, or its entry-point name.
        timeout_s: The longest it may take; ``None`` for its share of the search's time.
        ignore_failure: Go on without it when it fails.
        breaker: Of this member.
        pace: Of this member.
    """

    name: str
    timeout_s: float | None
    ignore_failure: bool
    breaker: Breaker
    pace: Pace = field(default_factory=Pace)

    def limit(self, share_s: float) -> float:
        """Return the seconds it may take, given its share."""
        own = self.timeout_s
        return share_s if own is None else min(own, share_s)


@dataclass(slots=True)
class StageCall:
    """A member's call under way in one search.

    Attributes:
        member: Who was asked.
        future: Its answer to come; ``None`` if it was not asked at all.
        refusal: Why it was not.
        started: When it was asked.
        patience: How long its answer is wanted.
    """

    member: Member
    future: Future[Any] | None = None
    refusal: str = ""
    started: float = field(default_factory=perf_counter)
    patience: Patience = field(default_factory=Patience)

    def give_up(self) -> None:
        """Wait no longer: if it has not begun it never does, and if it runs it can find out."""
        if self.future is not None and not self.future.done():
            self.patience.lose()
            self.future.cancel()


def start_call(
    pool: PluginPool,
    member: Member,
    call: Callable[[], Any],
    *,
    instant: bool = False,
    share_s: float = inf,
) -> StageCall:
    """Ask a member, unless its circuit is open or the pool is full.

    Args:
        pool: Where it is asked.
        member: Who is asked.
        call: The question.
        instant: The plugin says that it answers at once: it is asked here and now, because
            waking a thread would take longer than its answer. Who is slow all the same is
            not believed again.
        share_s: Seconds until the answer is not wanted any more, unless the member has less.
    """
    if not member.breaker.admits():
        return StageCall(member, refusal="open_circuit")
    started = perf_counter()
    asked = StageCall(member, None, "", started, Patience(started + member.limit(share_s)))
    if instant and member.pace.believed:
        asked.future = _answered(asked, call)
        return asked
    asked.future = pool.submit(partial(asked.patience.call, call), member.name)
    if asked.future is None:
        asked.refusal = "saturated"
    return asked


def _answered(asked: StageCall, call: Callable[[], Any]) -> Future[Any]:
    future: Future[Any] = Future()
    try:
        future.set_result(asked.patience.call(call))
    except Exception as error:  # noqa: BLE001 as a pool's future does, for whoever reads it
        future.set_exception(error)
    asked.member.pace.note(perf_counter() - asked.started)
    return future


def collect(
    calls: list[StageCall], hook: str, *, hurried: bool = False
) -> tuple[dict[str, Any], list[Call]]:
    """Take the answers that have come, and give up the rest.

    Args:
        calls: Of one stage.
        hook: That they were asked.
        hurried: They had less time than configured, so that being late is not their fault.

    Returns:
        The opinions by member, and how each call went.

    Raises:
        PluginError: If a member failed whose failure must not be ignored.
    """
    opinions: dict[str, Any] = {}
    records: list[Call] = []
    for call in calls:
        status, problem, answer = _outcome(call)
        if call.future is not None and not _is_excused(status, hurried=hurried):
            call.member.breaker.note(success=status in _FINE)
        if status == "success":
            opinions[call.member.name] = answer
        elapsed_ms = (perf_counter() - call.started) * 1_000
        records.append(Call(call.member.name, hook, status, elapsed_ms, problem))
        if problem and not call.member.ignore_failure:
            raise PluginError(call.member.name, hook, problem)
    return opinions, records


def _is_excused(status: str, *, hurried: bool) -> bool:
    """Whether a call says nothing about how the plugin does."""
    return status == _NO_FAULT or (hurried and status == "timeout")


def _outcome(call: StageCall) -> tuple[str, str, Any]:
    """Return status, problem and answer."""
    if call.future is None:
        return call.refusal, f"not asked: {call.refusal}", None
    if call.future.cancelled() or not call.future.done():
        call.give_up()
        return "timeout", "no answer in time", None
    error = call.future.exception()
    if error is not None:
        return *_fault(call, error), None
    answer = call.future.result()
    return ("no_opinion", "", None) if answer is None else ("success", "", answer)


def _fault(call: StageCall, error: BaseException) -> tuple[str, str]:
    """Return status and problem of a plugin that raised."""
    match error:
        case OverloadError():
            return _NO_FAULT, str(error)
        case CancelledError() if not call.patience.wanted():
            return "timeout", "no answer in time"
        case PluginError(problem=problem):
            return "error", problem
        case _:
            return "error", repr(error)


def degraded(calls: list[Call]) -> Mapping[str, str]:
    """Return who was skipped, and why; who only did not explain was not."""
    return {
        call.plugin: call.status
        for call in calls
        if call.status not in _FINE and call.hook != "qrm_explain"
    }

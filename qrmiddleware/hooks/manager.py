"""Calls one plugin at a time through typed methods, and checks its answers at the boundary."""

from collections.abc import Mapping, Sequence
from concurrent.futures import CancelledError
from math import isfinite
from typing import Any, Final

import msgspec
import pluggy

from qrmiddleware.errors import ConfigError, OverloadError, PluginError
from qrmiddleware.hooks import NAME, specs
from qrmiddleware.model import Boost, Hit, Proposal, Query, Restriction, Rewrite, Trace

HOOKS: Final = tuple(name for name in dir(specs) if name.startswith("qrm_"))
"""Every hook there is."""

Said = str | dict[str, Any] | None
"""One explanation, as JSON holds it."""

_GIVEN_UP: Final = (OverloadError, CancelledError)
_SAID: Final[Mapping[str, tuple[type[Exception], ...]]] = {
    "qrm_startup": (ConfigError,),
    "qrm_rewrite": _GIVEN_UP,
    "qrm_filter": _GIVEN_UP,
    "qrm_reward": _GIVEN_UP,
    "qrm_explain": _GIVEN_UP,
}
"""What a plugin may raise to say something, rather than by mistake."""


class Hooks:
    """The plugins of one pipeline, each called by its name.

    Args:
        plugins: Plugin objects by name, in configured order.

    A question raises ``PluginError`` if the plugin fails or breaks the contract. Its
    ``OverloadError`` (no room for more work) and ``concurrent.futures.CancelledError`` (nobody
    waits any more) pass as they are: they are no faults.

    Raises:
        ConfigError: If a plugin implements a hook that does not exist, or implements none.
    """

    def __init__(self, plugins: Mapping[str, object]) -> None:
        self._manager = pluggy.PluginManager(NAME)
        self._manager.add_hookspecs(specs)
        for name, plugin in plugins.items():
            self._register(name, plugin)
        self._names = tuple(plugins)
        self._callers = {
            hook: {
                name: self._manager.subset_hook_caller(
                    hook, [other for other in plugins.values() if other is not plugin]
                )
                for name, plugin in plugins.items()
                if hook in self.of(name)
            }
            for hook in HOOKS
        }

    def _register(self, name: str, plugin: object) -> None:
        try:
            self._manager.register(plugin, name=name)
            self._manager.check_pending()
        except pluggy.PluginValidationError as error:
            known = ", ".join(HOOKS)
            problem = f"plugin {name!r}: {error}; hooks are: {known}"
            raise ConfigError(problem) from error
        unmarked = [
            hook for hook in dir(plugin) if hook.startswith("qrm_") and hook not in self.of(name)
        ]
        if unmarked:
            problem = f"plugin {name!r}: {unmarked[0]} is not marked with @hookimpl"
            raise ConfigError(problem)
        if not self.of(name):
            problem = f"plugin {name!r} implements no hook; hooks are: {', '.join(HOOKS)}"
            raise ConfigError(problem)

    def of(self, name: str) -> tuple[str, ...]:
        """Return the hooks that a plugin implements."""
        plugin = self._manager.get_plugin(name)
        callers = self._manager.get_hookcallers(plugin) or []
        return tuple(caller.name for caller in callers)

    def instant(self, name: str) -> bool:
        """Whether a plugin says that its next answer takes microseconds; see ``docs/hooks.md``."""
        return getattr(self._manager.get_plugin(name), "instant", False) is True

    def startup(self) -> None:
        """Let every plugin load what it needs, in order.

        Raises:
            ConfigError: As the plugin raised it.
            PluginError: If a plugin raised anything else.
        """
        for name in self._callers["qrm_startup"]:
            self._ask("qrm_startup", name)

    def status(self, name: str) -> dict[str, Any] | None:
        """Return what a plugin says of itself, as JSON holds it; ``None`` if it says nothing.

        What goes wrong on the way is its ``problem``: an operator who looks is not refused.
        """
        if name not in self._callers["qrm_status"]:
            return None
        try:
            answer = self._ask("qrm_status", name)
            said = msgspec.to_builtins(answer, str_keys=True, enc_hook=str)
        except (PluginError, TypeError, ValueError) as error:
            return {"problem": str(error)}
        if said is not None and not isinstance(said, dict):
            return {"problem": f"qrm_status returned a {type(answer).__name__}, not a mapping"}
        return said

    def shutdown(self) -> list[PluginError]:
        """Let every plugin go, last first; returns what went wrong on the way."""
        problems = []
        for name in reversed(self._callers["qrm_shutdown"]):
            try:
                self._ask("qrm_shutdown", name)
            except PluginError as error:
                problems.append(error)
        return problems

    def rewrite(self, name: str, query: Query) -> tuple[Proposal, ...] | None:
        """Ask one plugin for proposals; raises ``PluginError``."""
        answer = self._ask("qrm_rewrite", name, query=query)
        if answer is None:
            return None
        proposals = tuple(_sequence(answer, name, "qrm_rewrite"))
        for proposal in proposals:
            problem = _problem_of(proposal)
            if problem:
                raise PluginError(name, "qrm_rewrite", problem)
        return proposals

    def filter(self, name: str, query: Query, hits: Sequence[Hit]) -> tuple[bool, ...] | None:
        """Ask one plugin which hits to keep; raises ``PluginError``."""
        answer = self._ask("qrm_filter", name, query=query, hits=hits)
        if answer is None:
            return None
        flags = _one_each(answer, hits, name, "qrm_filter")
        if any(flag not in (True, False) for flag in flags):
            raise PluginError(name, "qrm_filter", "a flag is neither true nor false")
        return tuple(bool(flag) for flag in flags)

    def reward(self, name: str, query: Query, hits: Sequence[Hit]) -> tuple[float, ...] | None:
        """Ask one plugin for rewards; raises ``PluginError``."""
        answer = self._ask("qrm_reward", name, query=query, hits=hits)
        if answer is None:
            return None
        rewards = _one_each(answer, hits, name, "qrm_reward")
        try:
            numbers = tuple(float(reward) for reward in rewards)
        except (TypeError, ValueError, OverflowError) as error:
            raise PluginError(name, "qrm_reward", f"a reward is not a number: {error}") from error
        if not all(map(isfinite, numbers)):
            raise PluginError(name, "qrm_reward", "a reward is not a finite number")
        return numbers

    def explain(self, name: str, query: Query, hits: Sequence[Hit]) -> tuple[Said, ...] | None:
        """Ask one plugin why it judged hits as it did; raises ``PluginError``.

        What it says is returned as JSON holds it.
        """
        answer = self._ask("qrm_explain", name, query=query, hits=hits)
        if answer is None:
            return None
        said = _one_each(answer, hits, name, "qrm_explain")
        wrong = next((each for each in said if not isinstance(each, str | Mapping | None)), None)
        if wrong is not None:
            problem = f"an explanation is a {type(wrong).__name__}, no text and no mapping"
            raise PluginError(name, "qrm_explain", problem)
        try:
            return tuple(_as_json_holds_it(each) for each in said)
        except (TypeError, ValueError, OverflowError, RecursionError) as error:
            problem = f"an explanation cannot be sent as JSON: {error}"
            raise PluginError(name, "qrm_explain", problem) from error

    def observe(self, trace: Trace) -> list[PluginError]:
        """Show every plugin an answered search; returns what went wrong on the way."""
        problems = []
        for name in self._callers["qrm_observe"]:
            try:
                self._ask("qrm_observe", name, trace=trace)
            except PluginError as error:
                problems.append(error)
        return problems

    @property
    def observers(self) -> bool:
        """Whether any plugin implements ``qrm_observe``."""
        return bool(self._callers["qrm_observe"])

    def _ask(self, hook: str, name: str, **question: object) -> Any:  # noqa: ANN401 what a plugin returns is unknown until checked
        try:
            answers = self._callers[hook][name](**question)
        except Exception as error:
            if isinstance(error, _SAID.get(hook, ())):
                raise
            raise PluginError(name, hook, f"raised {error!r}") from error
        return answers[0] if answers else None


def _as_json_holds_it(said: str | Mapping[str, Any] | None) -> Said:
    plain = dict(said) if isinstance(said, Mapping) else said
    held: Said = msgspec.json.decode(msgspec.json.encode(plain))
    return held


def _sequence(answer: object, name: str, hook: str) -> Sequence[Any]:
    if isinstance(answer, str | bytes) or not isinstance(answer, Sequence):
        try:
            return list(answer.tolist())  # type: ignore[attr-defined]  # numpy arrays and tensors
        except (AttributeError, TypeError):
            problem = f"returned {type(answer).__name__}, not a sequence"
            raise PluginError(name, hook, problem) from None
    return answer


def _one_each(answer: object, hits: Sequence[Hit], name: str, hook: str) -> Sequence[Any]:
    values = _sequence(answer, name, hook)
    if len(values) != len(hits):
        raise PluginError(name, hook, f"{len(values)} answers for {len(hits)} hits")
    return values


def _problem_of(proposal: object) -> str:
    """Say what a proposal breaks of its contract; empty if nothing."""
    match proposal:
        case Rewrite():
            problem = _problem_of_rewrite(proposal)
        case Boost() | Restriction():
            problem = _problem_of_wish(proposal)
        case _:
            return f"proposed {proposal!r:.80}, which is no rewrite, boost or restriction"
    if problem:
        return problem
    try:
        msgspec.json.encode(proposal)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        return f"proposed {proposal!r:.80}, which cannot be sent as JSON: {error}"
    return ""


def _problem_of_rewrite(rewrite: Rewrite) -> str:
    if not (_is_text(rewrite.text) and rewrite.text.strip()):
        return "a rewrite has no text"
    if not (_is_number(rewrite.weight) and 0 < rewrite.weight <= 1):
        return f"the weight of a rewrite is {rewrite.weight!r}, not above 0 and up to 1"
    return ""


def _problem_of_wish(wish: Boost | Restriction) -> str:
    if not _is_text(wish.text) or bool(wish.text) == (wish.clause is not None):
        return "a boost or restriction needs a text or a clause, one of them"
    if not (wish.clause is None or isinstance(wish.clause, Mapping)):
        return f"the clause of a boost or restriction is {wish.clause!r:.80}, not an object"
    if isinstance(wish, Boost) and not (_is_number(wish.weight) and wish.weight):
        return f"the weight of a boost is {wish.weight!r}"
    return ""


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_number(value: object) -> bool:
    return isinstance(value, float | int) and isfinite(value)

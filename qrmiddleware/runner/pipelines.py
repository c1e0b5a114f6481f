"""The configured pipelines, built and ready to run."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from math import inf
from threading import BoundedSemaphore
from typing import Any, Final

from qrmiddleware.config.settings import (
    LimitSettings,
    PipelineSettings,
    PluginSlot,
    Settings,
)
from qrmiddleware.dsl.wildcards import matches_any
from qrmiddleware.errors import ConfigError, PluginError, QrmError, RequestError
from qrmiddleware.hooks.manager import Hooks
from qrmiddleware.model import Trace
from qrmiddleware.pipeline.options import MergeOptions, Options
from qrmiddleware.pipeline.steps import AskExplanations, AskFilters, AskRewards, AskRewriters
from qrmiddleware.runner.calls import Breaker, Member, StageCall, start_call
from qrmiddleware.runner.plugins import make_plugin
from qrmiddleware.runner.pool import PluginPool

NO_PIPELINE: Final = "_none"
"""What a request names as its pipeline to have none."""

Ask = AskRewriters | AskFilters | AskRewards | AskExplanations

_ROLES: Final = (("rewriters", "qrm_rewrite"), ("filters", "qrm_filter"), ("rewards", "qrm_reward"))


@dataclass(frozen=True, slots=True)
class Pipeline:
    """One pipeline: its options, and its plugins by the hook they are asked.

    Attributes:
        name: As configured.
        index: Patterns of the indices it serves.
        options: What the pure core is told.
        timeout_s: Time that all plugins together may add to a search.
        rewrite_count: Whether ``_count`` is rewritten too.
        hooks: The plugins.
        members: Who is asked each hook, in order.
        pool: Where they are called.
        explainers: Who of the filters and rewards can say why; with breakers of their own, so
            that who fails to explain is still asked to judge.
    """

    name: str
    index: tuple[str, ...]
    options: Options
    timeout_s: float
    rewrite_count: bool
    hooks: Hooks
    members: Mapping[str, tuple[Member, ...]]
    pool: PluginPool
    explainers: tuple[Member, ...] = ()

    @property
    def stages(self) -> int:
        """How many times a search waits for plugins, explanations aside."""
        return sum(1 for members in self.members.values() if members)

    def serves(self, index: str) -> bool:
        """Whether it takes searches of an index expression; each part must match."""
        parts = [part for part in index.split(",") if part] or ["*"]
        return all(matches_any(part, self.index) for part in parts if not part.startswith("-"))

    def start(self, ask: Ask, share_s: float = inf) -> tuple[str, list[StageCall]]:
        """Ask every member of a stage.

        Args:
            ask: The question.
            share_s: Seconds that the answers are waited for.

        Returns:
            The hook, and the calls under way.
        """
        hook, questions = self._questions(ask)
        calls = [
            start_call(
                self.pool,
                member,
                partial(questions, member.name),
                instant=self.hooks.instant(member.name),
                share_s=share_s,
            )
            for member in self._asked(ask, hook)
        ]
        return hook, calls

    def _asked(self, ask: Ask, hook: str) -> Sequence[Member]:
        if isinstance(ask, AskExplanations):
            return [member for member in self.explainers if ask.judged.get(member.name)]
        return self.members[hook]

    def _questions(self, ask: Ask) -> tuple[str, Callable[[str], Any]]:
        match ask:
            case AskRewriters(query):
                return "qrm_rewrite", lambda name: self.hooks.rewrite(name, query)
            case AskFilters(query, hits):
                return "qrm_filter", lambda name: self.hooks.filter(name, query, hits)
            case AskRewards(query, hits):
                return "qrm_reward", lambda name: self.hooks.reward(name, query, hits)
            case AskExplanations(query, judged):
                return "qrm_explain", lambda name: self.hooks.explain(name, query, judged[name])

    def observe(self, trace: Trace) -> Future[list[PluginError]] | None:
        """Show the plugins an answered search, when there is room to.

        Returns:
            What goes wrong on the way; ``None`` if nobody watches.
        """
        if not self.hooks.observers:
            return None
        return self.pool.submit(lambda: self.hooks.observe(trace), "qrm_observe")


class Pipelines:
    """All pipelines, in configured order.

    Raises:
        ConfigError: If a plugin is not installed, an option is wrong, or a plugin stands
            where it has no hook for.
    """

    def __init__(self, settings: Settings) -> None:
        self._pool = PluginPool(settings.limits.plugin_threads, settings.limits.plugin_queue)
        self._room = BoundedSemaphore(settings.limits.max_in_pipelines)
        self._by_name = {
            name: _build(name, pipeline, settings, self._pool)
            for name, pipeline in settings.pipelines.items()
        }

    def __iter__(self) -> Iterator[Pipeline]:
        return iter(self._by_name.values())

    def startup(self) -> None:
        """Let every plugin load; raises ``ConfigError`` naming the pipeline."""
        for pipeline in self._by_name.values():
            try:
                pipeline.hooks.startup()
            except (PluginError, ConfigError) as error:
                problem = f"pipeline {pipeline.name!r}: {error}"
                raise ConfigError(problem) from error

    @contextmanager
    def room(self) -> Iterator[bool]:
        """Take a search in for the length of a block; false if there is no room for one more."""
        has_room = self._room.acquire(blocking=False)
        try:
            yield has_room
        finally:
            if has_room:
                self._room.release()

    def shutdown(self) -> list[QrmError]:
        """Let every plugin go; returns what went wrong on the way.

        Calls that run get a second to end; those that do not are left behind.
        """
        problems: list[QrmError] = [
            QrmError(f"{who} is still at work, and not waited for") for who in self._pool.close()
        ]
        for pipeline in self._by_name.values():
            problems += pipeline.hooks.shutdown()
        return problems

    def select(self, index: str, name: str | None = None) -> Pipeline | None:
        """Return the pipeline for a search; ``None`` if it has none.

        Args:
            index: The index expression of the URL.
            name: The pipeline that the client named.

        Raises:
            RequestError: If there is no pipeline of that name; names those that there are.
        """
        if name == NO_PIPELINE:
            return None
        if name is not None:
            if name not in self._by_name:
                known = ", ".join([*self._by_name, NO_PIPELINE])
                problem = f"unknown pipeline [{name}]; known are: {known}"
                raise RequestError(problem)
            return self._by_name[name]
        serving = (pipeline for pipeline in self._by_name.values() if pipeline.serves(index))
        return next(serving, None)


def _build(name: str, settings: PipelineSettings, whole: Settings, pool: PluginPool) -> Pipeline:
    slots = _named_slots(settings, name)
    plugins: dict[str, object] = {}
    for role, hook in _ROLES:
        for member, slot in slots[hook]:
            where = f"pipelines.{name}.{role}"
            try:
                plugins[member] = make_plugin(slot.plugin, slot.options, folder=whole.folder)
            except ConfigError as error:
                problem = f"{where}: {error}"
                raise ConfigError(problem) from error
    hooks = Hooks(plugins)
    for role, hook in _ROLES:
        for member, slot in slots[hook]:
            if hook not in hooks.of(member):
                has = ", ".join(hooks.of(member))
                problem = (
                    f"pipelines.{name}.{role}: plugin {slot.plugin!r} has no {hook}; it has {has}"
                )
                raise ConfigError(problem)
    return Pipeline(
        name=name,
        index=settings.index,
        options=pipeline_options(settings),
        timeout_s=settings.timeout_ms / 1_000,
        rewrite_count=settings.rewrite_count,
        hooks=hooks,
        members={
            hook: tuple(_member(member, slot, whole.limits) for member, slot in slots[hook])
            for _, hook in _ROLES
        },
        pool=pool,
        explainers=tuple(
            replace(_member(member, slot, whole.limits), ignore_failure=True)
            for hook in ("qrm_filter", "qrm_reward")
            for member, slot in slots[hook]
            if "qrm_explain" in hooks.of(member)
        ),
    )


def _named_slots(
    settings: PipelineSettings, pipeline: str
) -> dict[str, list[tuple[str, PluginSlot]]]:
    """Return every hook's plugins by name; each has one of its own."""
    taken: set[str] = set()
    slots: dict[str, list[tuple[str, PluginSlot]]] = {hook: [] for _, hook in _ROLES}
    for role, hook in _ROLES:
        for slot in getattr(settings, role):
            name = slot.tag or slot.plugin
            if name in taken:
                problem = (
                    f"pipelines.{pipeline}.{role}: {name!r} stands in this pipeline twice; "
                    "give each a tag of its own"
                )
                raise ConfigError(problem)
            taken.add(name)
            slots[hook].append((name, slot))
    return slots


def _member(name: str, slot: PluginSlot, limits: LimitSettings) -> Member:
    return Member(
        name,
        None if slot.timeout_ms is None else slot.timeout_ms / 1_000,
        slot.ignore_failure,
        Breaker(limits.breaker_failures, limits.breaker_reset_ms / 1_000),
    )


def pipeline_options(settings: PipelineSettings) -> Options:
    """Return what the pure core needs of a pipeline's settings."""
    return Options(
        merge=MergeOptions(**settings.merge.model_dump()),
        max_rewrites=settings.max_rewrites,
        min_weight=settings.min_weight,
        keep_identifiers=settings.keep_identifiers,
        rank_window_size=settings.rank_window_size,
        filters={slot.tag or slot.plugin: slot.action for slot in settings.filters},
        reward_weights={slot.tag or slot.plugin: slot.weight for slot in settings.rewards},
        engine_weight=settings.engine_weight,
        fields=settings.fields,
        text_paths=settings.text_paths,
        attribution=settings.attribution,
    )

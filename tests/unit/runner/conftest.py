"""Pipelines of plugins made in tests."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from qrmiddleware.hooks.manager import Hooks
from qrmiddleware.pipeline.options import Options
from qrmiddleware.runner.calls import Breaker, Member
from qrmiddleware.runner.pipelines import Pipeline
from qrmiddleware.runner.pool import PluginPool

HOOKS = ("qrm_rewrite", "qrm_filter", "qrm_reward")


@pytest.fixture
def make_pipeline() -> Iterator[Callable[..., Pipeline]]:
    """Make a pipeline: ``make_pipeline({"name": plugin}, timeout_s=...)``."""
    pools: list[PluginPool] = []

    def make(
        plugins: Mapping[str, object],
        *,
        timeout_s: float = 5.0,
        pool: PluginPool | None = None,
        breaker: Callable[[], Breaker] = lambda: Breaker(3, 10),
        timeouts_s: Mapping[str, float] | None = None,
        must: tuple[str, ...] = (),
        **options: Any,
    ) -> Pipeline:
        pool = pool or PluginPool(8, 8)
        pools.append(pool)
        hooks = Hooks(plugins)
        members = {
            hook: tuple(
                Member(name, (timeouts_s or {}).get(name), name not in must, breaker())
                for name in plugins
                if hook in hooks.of(name)
            )
            for hook in HOOKS
        }
        filters = {member.name: "demote" for member in members["qrm_filter"]}
        weights = {member.name: 1.0 for member in members["qrm_reward"]}
        return Pipeline(
            "test",
            ("*",),
            Options(**{"filters": filters, "reward_weights": weights, **options}),
            timeout_s,
            rewrite_count=True,
            hooks=hooks,
            members=members,
            pool=pool,
            explainers=tuple(
                Member(name, None, ignore_failure=True, breaker=breaker())
                for name in plugins
                if "qrm_explain" in hooks.of(name)
            ),
        )

    yield make
    for pool in pools:
        pool.close()

"""The scenarios that come along."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from qrmiddleware_benchmarks.arms import ArmSpec, Direct, Nginx, Proxy, Scenario

DIRECT: Final = "direct"
NGINX: Final = "nginx"

_PATIENT: Final = {"timeout_ms": 1_000}
"""So that no opinion is lost to a busy machine: every search of an arm does the same work."""
_RULES: Final = {"plugin": "rules", "path": "rules.txt"}
_TABLE: Final = {"plugin": "rewrite_table", "path": "rewrites.sqlite"}
RULES_PIPELINE: Final[Mapping[str, Any]] = {**_PATIENT, "rewriters": [_RULES]}
TABLE_PIPELINE: Final[Mapping[str, Any]] = {**_PATIENT, "rewriters": [_TABLE]}
FULL_PIPELINE: Final[Mapping[str, Any]] = {
    **_PATIENT,
    "rewriters": [_RULES, _TABLE],
    "filters": [{"plugin": "bench_filter"}],
    "rewards": [{"plugin": "bench_reward"}],
}
IDENTITY_PIPELINE: Final[Mapping[str, Any]] = {}

PASSTHROUGH: Final = Scenario(
    name="passthrough",
    question="What does the proxy cost, compared with no proxy and with nginx?",
    meaning="""\
The upstream answers every search at once with the same reply, so the figures are the proxy's own
cost and hold no search at all. *pipeline off* passes bytes on; *identity* reads every search, has
no plugin to ask, and passes it on as it came; *rules* and *rewrite_table* have something to say
about every search. What matters in front of a real engine is *above direct*, in milliseconds: the
ratio is large because an upstream that does nothing takes next to no time.""",
    arms={
        DIRECT: ArmSpec(front=Direct()),
        NGINX: ArmSpec(front=Nginx()),
        "pipeline off": ArmSpec(front=Proxy()),
        "identity": ArmSpec(front=Proxy(pipeline=IDENTITY_PIPELINE)),
        "rules": ArmSpec(front=Proxy(pipeline=RULES_PIPELINE)),
        "rewrite_table": ArmSpec(front=Proxy(pipeline=TABLE_PIPELINE)),
    },
    rate_hz=200,
    sizes_bytes=(4_000, 40_000),
)


def _by_warmth(name: str, front: Proxy) -> dict[str, ArmSpec]:
    return {
        f"{name} warm": ArmSpec(front=front),
        f"{name} new": ArmSpec(front=front, queries="new"),
        f"{name} just started": ArmSpec(front=front, restarted=True),
    }


PLUGINS: Final = Scenario(
    name="plugins",
    question="What does each plugin cost, for queries it has seen and has not, and all together?",
    meaning="""\
Again before an upstream that does nothing. *warm* asks the same queries again and again, *new*
never asks one twice, and *just started* is the first second after a start, with no warm-up: what a
deployment or a restarted worker costs. *whole pipeline* has rules, a table, a filter and a reward,
the last two in plain Python over ten hits; a model in their place costs what the model costs.""",
    arms={
        DIRECT: ArmSpec(front=Direct()),
        "identity": ArmSpec(front=Proxy(pipeline=IDENTITY_PIPELINE)),
        **_by_warmth("rules", Proxy(pipeline=RULES_PIPELINE)),
        **_by_warmth("rewrite_table", Proxy(pipeline=TABLE_PIPELINE)),
        "whole pipeline": ArmSpec(front=Proxy(pipeline=FULL_PIPELINE), answers="reordered"),
        "whole pipeline, new": ArmSpec(
            front=Proxy(pipeline=FULL_PIPELINE), queries="new", answers="reordered"
        ),
    },
    rate_hz=100,
    sizes_bytes=(4_000,),
)

FAULT_TIMEOUT_MS: Final = 50
"""What the pipelines of ``FAULTS`` allow their plugins together."""
_SLOW: Final = {"plugin": "bench_slow", "sleep_ms": 120}
_UNTIRING: Final = {"breaker_failures": 1_000_000}
_ONE_AT_A_TIME: Final = {"plugin_threads": 1, "plugin_queue": 0, **_UNTIRING}


def _failing(plugin: Mapping[str, Any], limits: Mapping[str, Any]) -> ArmSpec:
    pipeline = {"timeout_ms": FAULT_TIMEOUT_MS, "rewriters": [plugin]}
    return ArmSpec(front=Proxy(pipeline=pipeline, limits=limits), degrades=True)


FAULTS: Final = Scenario(
    name="faults",
    question="What does a search lose when a plugin is slow, broken or overrun?",
    meaning=f"""\
All plugins of a pipeline together may add {FAULT_TIMEOUT_MS} ms here (`timeout_ms`). *slow* takes
{_SLOW["sleep_ms"]} ms and is given up after its share, search after search, because the circuit
breaker is kept from stepping in; in *slow, breaker* it does, and the plugin is tried only now and
then. *raises* fails at once, first without and then with the breaker. *overrun* takes 15 ms in a
pool of one thread and no queue, so that most searches find it taken. The point is not the cost but
the bound: no latency far above the healthy one plus {FAULT_TIMEOUT_MS} ms, no errors, and the
share of searches that went without the plugin (*degraded*).""",
    arms={
        DIRECT: ArmSpec(front=Direct()),
        "healthy": ArmSpec(
            front=Proxy(
                pipeline={
                    "timeout_ms": FAULT_TIMEOUT_MS,
                    "rewriters": [{"plugin": "bench_slow", "sleep_ms": 0}],
                }
            )
        ),
        "slow": _failing(_SLOW, _UNTIRING),
        "slow, breaker": _failing(_SLOW, {}),
        "raises": _failing({"plugin": "bench_broken"}, _UNTIRING),
        "raises, breaker": _failing({"plugin": "bench_broken"}, {}),
        "overrun": _failing({"plugin": "bench_slow", "sleep_ms": 15}, _ONE_AT_A_TIME),
    },
    rate_hz=100,
    sizes_bytes=(4_000,),
)

WORKERS: Final = Scenario(
    name="workers",
    question="What do two workers change?",
    meaning="""\
The same pipeline with rules, served by one process and by two. On a machine with few cores the
workers share them with the upstream and the load generator: more workers than free cores cannot
answer faster. Throughput is what `qrm-bench knee` finds.""",
    arms={
        DIRECT: ArmSpec(front=Direct()),
        "1 worker": ArmSpec(front=Proxy(pipeline=RULES_PIPELINE)),
        "2 workers": ArmSpec(front=Proxy(pipeline=RULES_PIPELINE, workers=2)),
    },
    rate_hz=300,
    sizes_bytes=(4_000,),
)

SEARCH: Final = Scenario(
    name="search",
    question="What does the proxy cost in front of a real engine with a real catalogue?",
    meaning="""\
Each search asks for ten products, a facet and the exact total. The plugins ask the engine more
than was typed, so their difference holds the engine's additional work, too: a synonym or a rewrite
is another wording to search for. The rules and rewrites were made by machine for these queries,
one for each; a real shop's apply to few searches and ask for less.""",
    arms={
        DIRECT: ArmSpec(front=Direct()),
        NGINX: ArmSpec(front=Nginx()),
        "pipeline off": ArmSpec(front=Proxy()),
        "identity": ArmSpec(front=Proxy(pipeline=IDENTITY_PIPELINE)),
        "rules": ArmSpec(front=Proxy(pipeline=RULES_PIPELINE), answers="found"),
        "rewrite_table": ArmSpec(front=Proxy(pipeline=TABLE_PIPELINE), answers="found"),
        "whole pipeline": ArmSpec(front=Proxy(pipeline=FULL_PIPELINE), answers="found"),
    },
    rate_hz=50,
)

URLS: Final = Scenario(
    name="urls",
    question="How do systems that run already compare?",
    meaning="""\
Each arm is a system at an address of its own, asked the same searches. Nothing is known about it
but what comes back.""",
    arms={},
    rate_hz=20,
)
"""Its arms are given on the command line."""

SCENARIOS: Final[Mapping[str, Scenario]] = MappingProxyType(
    {each.name: each for each in (PASSTHROUGH, PLUGINS, FAULTS, WORKERS, SEARCH)}
)
"""By name, in the order of the page."""

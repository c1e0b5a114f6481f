"""Words for what rows of the table promise."""

from qrmiddleware_benchmarks.faults.proxy import Counted


def calls(plugin: str, outcome: str) -> Counted:
    """Calls of a plugin that went so."""
    return Counted("qrm_plugin_calls_total", {"plugin": plugin, "outcome": outcome})


def failures(problem: str) -> Counted:
    """Failures of nodes, of one kind."""
    return Counted("qrm_upstream_node_failures_total", {"problem": problem})


def without(plugin: str, *outcomes: str) -> frozenset[str]:
    """What clients see of answers without a plugin, by what became of its call."""
    return frozenset(f"200 {plugin}={outcome}" for outcome in outcomes)

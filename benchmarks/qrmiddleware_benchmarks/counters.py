"""What an arm counts itself, read from its admin port."""

from collections.abc import Mapping, Sequence

from prometheus_client.parser import text_string_to_metric_families

from qrmiddleware_benchmarks.engines import probes
from qrmiddleware_benchmarks.upstreams import HOST

_CALLS = "qrm_plugin_calls_total"


def read_counters(admin_ports: Sequence[int]) -> Mapping[str, float]:
    """Read what all workers of a proxy have counted since they began.

    Returns:
        Plugin calls as ``"PLUGIN OUTCOME"``, and every counter whose name speaks of a cache
        under that name. Nothing for an arm without admin ports.
    """
    found: dict[str, float] = {}
    for port in admin_ports:
        _, body = probes.get(f"http://{HOST}:{port}/_qrm/metrics")
        for name, value in _counters(body.decode()):
            found[name] = found.get(name, 0) + value
    return found


def counted(before: Mapping[str, float], after: Mapping[str, float]) -> dict[str, float]:
    """Return by how much counters have grown; those that have not are left out."""
    grown = {name: value - before.get(name, 0) for name, value in after.items()}
    return {name: value for name, value in grown.items() if value > 0}


def _counters(text: str) -> list[tuple[str, float]]:
    samples = [
        sample for family in text_string_to_metric_families(text) for sample in family.samples
    ]
    calls = [
        (f"{sample.labels['plugin']} {sample.labels['outcome']}", sample.value)
        for sample in samples
        if sample.name == _CALLS
    ]
    caches = [
        (sample.name, sample.value)
        for sample in samples
        if "cache" in sample.name and sample.name.endswith("_total")
    ]
    return calls + caches

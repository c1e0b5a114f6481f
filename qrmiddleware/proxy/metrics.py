"""Counts and times, for Prometheus."""

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from qrmiddleware.runner.drive import Run

_SECONDS: Final = (
    0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0,
)  # fmt: skip


class Metrics:
    """All that is counted by one process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "qrm_requests", "Requests answered", ["kind", "status"], registry=self.registry
        )
        self.request_seconds = Histogram(
            "qrm_request_seconds",
            "From request to the end of its reply",
            ["kind"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.in_flight = Gauge(
            "qrm_requests_in_flight", "Requests under way", registry=self.registry
        )
        self.searches = Counter(
            "qrm_searches",
            "Searches by what a pipeline did",
            ["pipeline", "outcome"],
            registry=self.registry,
        )
        self.stage_seconds = Histogram(
            "qrm_stage_seconds",
            "Time of one stage of a search",
            ["pipeline", "stage"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.plugin_calls = Counter(
            "qrm_plugin_calls",
            "Plugin calls by how they went",
            ["pipeline", "plugin", "hook", "outcome"],
            registry=self.registry,
        )
        self.upstream_errors = Counter(
            "qrm_upstream_errors", "Requests that no node answered", registry=self.registry
        )

    def note_search(self, run: Run, outcome: str) -> None:
        """Count one search, its stages and its plugin calls."""
        name = run.pipeline.name
        self.searches.labels(name, outcome).inc()
        for stage, elapsed_s in run.timings_s.items():
            self.stage_seconds.labels(name, stage).observe(elapsed_s)
        for call in run.calls:
            self.plugin_calls.labels(name, call.plugin, call.hook, call.status).inc()

    def render(self) -> bytes:
        """Write them in Prometheus's text format."""
        return generate_latest(self.registry)

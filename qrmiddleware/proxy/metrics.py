"""Counts and times, for Prometheus."""

from functools import cache
from typing import Any, Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
)

from qrmiddleware.runner.drive import Run

_SECONDS: Final = (
    0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0,
)  # fmt: skip


def _labelled(metric: Counter | Histogram, *labels: str) -> Any:  # noqa: ANN401 of the metric's type
    return metric.labels(*labels)


class Metrics:
    """All that is counted by one process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._labelled = cache(_labelled)
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
        self.shed = Counter(
            "qrm_requests_shed",
            "Requests refused because too many were under way; not among those answered",
            registry=self.registry,
        )
        self.late_clients = Counter(
            "qrm_late_clients",
            "Connections ended because a client did not go on with what it had begun",
            ["part"],
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
        self.partial_replies = Counter(
            "qrm_partial_replies",
            "Searches that the engine answered in part: a shard failed, or its time was over",
            ["pipeline"],
            registry=self.registry,
        )
        self.upstream_errors = Counter(
            "qrm_upstream_errors", "Requests that no node answered", registry=self.registry
        )
        self.node_failures = Counter(
            "qrm_upstream_node_failures",
            "Times that a node did not answer; another may have",
            ["node", "problem"],
            registry=self.registry,
        )

    def note_node_failure(self, node: str, problem: str) -> None:
        """Count one failure of one node."""
        self._labelled(self.node_failures, node, problem).inc()

    def note_late_client(self, part: str) -> None:
        """Count one connection that ended because its client did not go on with this."""
        self._labelled(self.late_clients, part).inc()

    def note_search(self, run: Run, outcome: str) -> None:
        """Count one search, its stages and its plugin calls."""
        name = run.pipeline.name
        self._labelled(self.searches, name, outcome).inc()
        for stage, elapsed_s in run.timings_s.items():
            self._labelled(self.stage_seconds, name, stage).observe(elapsed_s)
        for call in run.calls:
            self._labelled(self.plugin_calls, name, call.plugin, call.hook, call.status).inc()

    def note_partial_reply(self, pipeline: str) -> None:
        """Count a search whose reply lacks the hits of some shards."""
        self._labelled(self.partial_replies, pipeline).inc()

    def note_request(self, kind: str, status: int, elapsed_s: float) -> None:
        """Count one request, and the time it took."""
        self._labelled(self.requests, kind, str(status)).inc()
        self._labelled(self.request_seconds, kind).observe(elapsed_s)

    def render(self) -> bytes:
        """Write them in Prometheus's text format."""
        return generate_latest(self.registry)

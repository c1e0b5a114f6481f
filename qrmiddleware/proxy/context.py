"""What serving one request needs to know, and what it tells back."""

import re
import secrets
from collections.abc import Coroutine, Iterable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, replace
from typing import Any, Final, TypeVar

import structlog
from elastic_transport import TransportError

from qrmiddleware.config.settings import Settings
from qrmiddleware.dsl.search import Controls
from qrmiddleware.dsl.uri import Parameters
from qrmiddleware.errors import PluginError, QrmError, RequestError
from qrmiddleware.model import Trace
from qrmiddleware.proxy.client import OUR_PARAMETERS, ClientGoneError, ClientReply, ClientRequest
from qrmiddleware.proxy.metrics import Metrics
from qrmiddleware.runner.drive import Run
from qrmiddleware.runner.pipelines import Pipeline, Pipelines
from qrmiddleware.runner.waiting import together
from qrmiddleware.upstream.exchange import Headers, Upstream

EXPECTED_ERRORS: Final = (QrmError, ClientGoneError, TransportError)
"""What is not the pipeline's fault: asking once more as it came would not help."""

SATURATED: Final = "saturated"
"""Why a search is passed on without its pipeline where too many are in pipelines already."""

_T = TypeVar("_T")
_CONTROLS: Final = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Service:
    """What all requests share.

    Attributes:
        settings: The whole configuration.
        upstream: What answers searches.
        pipelines: What happens to them.
        metrics: What is counted.
        log: Where problems are told.
        blocking: Requests are served in threads, without an event loop.
    """

    settings: Settings
    upstream: Upstream
    pipelines: Pipelines
    metrics: Metrics
    log: structlog.stdlib.BoundLogger
    blocking: bool = False


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and its reply.

    Attributes:
        service: What all requests share.
        request: Of the client.
        reply: To the client.
        request_id: The client's own, or a new one.
    """

    service: Service
    request: ClientRequest
    reply: ClientReply
    request_id: str

    @classmethod
    def of(cls, service: Service, request: ClientRequest, reply: ClientReply) -> "Exchange":
        """Begin one."""
        given = request.header("x-request-id") or request.header("x-opaque-id")
        return cls(service, request, reply, given or secrets.token_hex(8))

    def controls(self, in_body: Controls) -> Controls:
        """Return what the request asks of the pipeline: URL over headers over ``ext.qrm``.

        Raises:
            RequestError: If the timeout is no number.
        """
        request, parameters = self.request, self.request.parameters
        debug = request.header("x-qrm-debug").lower() == "true" or parameters.flag("qrm_debug")
        debug = debug or in_body.debug
        refusal = self._debug_refusal() if debug else ""
        timeout = parameters.get("qrm_timeout_ms") or request.header("x-qrm-timeout-ms")
        return replace(
            in_body,
            pipeline=parameters.get("qrm_pipeline")
            or _utf8(request.header("x-qrm-pipeline"))
            or in_body.pipeline,
            debug=debug and not refusal,
            debug_refused=refusal,
            query_text=in_body.query_text or _utf8(request.header("x-qrm-query")) or None,
            timeout_ms=_milliseconds(timeout) if timeout else in_body.timeout_ms,
        )

    def run(self, pipeline: Pipeline, controls: Controls) -> Run:
        """Begin a search of this request."""
        run = Run.of(pipeline, controls.timeout_ms, blocking=self.service.blocking)
        if controls.debug_refused:
            run.refused["debug"] = controls.debug_refused
        return run

    def _debug_refusal(self) -> str:
        """Say why this client is not shown debug output; empty if it may be."""
        debug = self.service.settings.debug
        if debug.token is None:
            return "forbidden" if debug.access != "allowed" else ""
        shown = self.request.header("x-qrm-debug-token").encode("latin-1")
        fits = secrets.compare_digest(shown, debug.token.get_secret_value().encode())
        return "" if fits else "token"

    async def together(self, works: Iterable[Coroutine[Any, Any, _T]]) -> list[_T]:
        """Run parts of this request side by side, as many as plugins may be called at a time."""
        threads = self.service.settings.limits.plugin_threads
        return await together(works, blocking=self.service.blocking, at_a_time=threads)

    @property
    def upstream_parameters(self) -> Parameters:
        """The URL's parameters without our own."""
        return self.request.parameters.without(OUR_PARAMETERS)

    def headers(
        self, runs: Iterable[Run], applied: Iterable[str], more: Mapping[str, str] | None = None
    ) -> Headers:
        """Return the headers that say what the pipeline did.

        Args:
            runs: The searches of this request.
            applied: What was done to any of them.
            more: Further parts that were skipped, and why.
        """
        runs = list(runs)
        headers = [
            ("x-qrm-request-id", self.request_id),
            ("x-qrm-pipeline", _for_wire(",".join(dict.fromkeys(r.pipeline.name for r in runs)))),
            ("x-qrm-applied", ",".join(dict.fromkeys(applied)) or "none"),
        ]
        skipped = {name: why for run in runs for name, why in run.degraded.items()}
        skipped |= more or {}
        if skipped:
            text = ",".join(f"{name}={why}" for name, why in skipped.items())
            headers.append(("x-qrm-degraded", _for_wire(text)))
        timings: dict[str, float] = {}
        for run in runs:
            for stage, elapsed_s in run.timings_s.items():
                timings[stage] = max(timings.get(stage, 0.0), elapsed_s)
        if timings:
            shown = (f"{stage};dur={s * 1_000:.2f}" for stage, s in timings.items())
            headers.append(("server-timing", ", ".join(shown)))
        return headers

    def observe(self, run: Run, trace: Trace) -> None:
        """Show the plugins an answered search, and log what they did wrong then."""
        watching = run.pipeline.observe(trace)
        if watching is not None:
            watching.add_done_callback(self._log_observers)

    def _log_observers(self, watching: Future[list[PluginError]]) -> None:
        for problem in () if watching.cancelled() else watching.result():
            self.service.log.warning(
                "plugin failed", request_id=self.request_id, problem=str(problem)
            )

    def note(self, run: Run, outcome: str) -> None:
        """Count a search, and log what its plugins did wrong."""
        self.service.metrics.note_search(run, outcome)
        for call in run.calls:
            if call.problem and call.status == "error":
                self.service.log.warning(
                    "plugin failed",
                    request_id=self.request_id,
                    pipeline=run.pipeline.name,
                    plugin=call.plugin,
                    hook=call.hook,
                    problem=call.problem,
                )


def _utf8(value: str) -> str:
    """Respell a header's value, which was decoded byte for byte."""
    try:
        return value.encode("latin-1").decode()
    except UnicodeError:
        return value


def _for_wire(value: str) -> str:
    """Spell text for a header, which is encoded byte for byte and holds no control characters."""
    return _CONTROLS.sub(" ", value).encode().decode("latin-1")


def _milliseconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 < value < 1e9:  # noqa: PLR2004 a bound far above any deadline
        problem = f"the qrm timeout [{text}] is no number of milliseconds above 0"
        raise RequestError(problem)
    return value

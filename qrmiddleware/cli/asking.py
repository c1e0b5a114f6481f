"""Runs one query through a configured pipeline, without a proxy process."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import quote

from qrmiddleware.config.settings import DebugSettings, Settings
from qrmiddleware.dsl.raw import NotJsonError, read_value, write
from qrmiddleware.errors import ConfigError
from qrmiddleware.model import Query, Trace
from qrmiddleware.pipeline.admission import admit
from qrmiddleware.pipeline.steps import AskRewriters
from qrmiddleware.proxy.app import ProxyApp
from qrmiddleware.proxy.client import Message
from qrmiddleware.proxy.server import make_service
from qrmiddleware.runner.drive import Run, debug_section
from qrmiddleware.runner.pipelines import Pipelines


async def proposals_for(
    settings: Settings, text: str, index: str, name: str | None
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Ask a pipeline's rewriters; returns debug output, and the decisions in it."""
    pipelines = Pipelines(settings)
    pipelines.startup()
    try:
        pipeline = pipelines.select(index, name) or next(iter(pipelines), None)
        if pipeline is None:
            problem = "the configuration has no pipeline to ask"
            raise ConfigError(problem)
        run = Run.of(pipeline, timeout_ms=10_000)
        query = Query(text, index=index)
        proposals = await run.ask(AskRewriters(query))
        decisions = admit(query, proposals, pipeline.options)
        trace = Trace(query, pipeline.name, "handled", "", decisions, tuple(run.calls))
        section = debug_section(run, trace)
        return section, section["decisions"]
    finally:
        pipelines.shutdown()


async def ask_search(
    settings: Settings, search: dict[str, Any], index: str, name: str | None
) -> dict[str, Any]:
    """Send one search through the proxy's own application, with debug output; returns the reply."""
    service = make_service(settings.model_copy(update={"debug": DebugSettings()}))
    service.pipelines.startup()
    await service.upstream.start()
    try:
        headers = [(b"content-type", b"application/json"), (b"x-qrm-debug", b"true")]
        if name is not None:
            headers.append((b"x-qrm-pipeline", name.encode()))
        path = f"/{quote(index, safe=',*')}/_search" if index else "/_search"
        text = await _call(ProxyApp(service), path, headers, write(search))
        reply: dict[str, Any] = read_value(text)
    except NotJsonError as error:
        problem = f"the upstream's reply is not JSON: {error}"
        raise ConfigError(problem) from error
    finally:
        service.pipelines.shutdown()
        await service.upstream.close()
    return reply


async def _call(
    app: Callable[..., Awaitable[None]], path: str, headers: list[tuple[bytes, bytes]], body: bytes
) -> bytes:
    """Make one ASGI request, and return the reply's body."""
    incoming: list[Message] = [{"type": "http.request", "body": body}]
    parts: list[bytes] = []

    async def receive() -> Message:
        if not incoming:
            await asyncio.Event().wait()  # nobody hangs up before the reply
        return incoming.pop()

    async def send(message: Message) -> None:
        parts.append(message.get("body", b""))

    scope = {
        "type": "http",
        "method": "POST",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": headers,
    }
    await app(scope, receive, send)
    return b"".join(parts)

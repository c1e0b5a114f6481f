"""The admin application: health, metrics, pipelines. On a port of its own, not for the public."""

import asyncio
from typing import Any, Final

from qrmiddleware.dsl.raw import pretty, write
from qrmiddleware.proxy.client import ClientReply, Message, Receive, Send
from qrmiddleware.proxy.context import Service
from qrmiddleware.runner.calls import Member
from qrmiddleware.runner.pipelines import Pipeline
from qrmiddleware.upstream.exchange import UpstreamRequest

_PATIENCE_S: Final = 2.0
"""How long the upstream may take to show that it is there."""


class AdminApp:
    """Serves ``/_qrm/…``.

    Args:
        service: The proxy's.
    """

    def __init__(self, service: Service) -> None:
        self._service = service
        self.draining = False
        """Whether the proxy takes no more requests."""

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            return
        while (await receive()).get("more_body"):
            pass
        reply = ClientReply(send)
        match scope["path"].rstrip("/"):
            case "/_qrm/health/live":
                await _send(reply, 200, {"status": "live"})
            case "/_qrm/health/ready":
                await self._send_readiness(reply)
            case "/_qrm/metrics":
                headers = [("content-type", "text/plain; version=0.0.4; charset=utf-8")]
                await reply.send(200, headers, self._service.metrics.render())
            case "/_qrm/pipelines":
                shown = {pipeline.name: _shown(pipeline) for pipeline in self._service.pipelines}
                await _send(reply, 200, shown)
            case path:
                known = "/_qrm/health/live, /_qrm/health/ready, /_qrm/metrics, /_qrm/pipelines"
                await reply.send_error(404, "not_found", f"no [{path}] here; known are: {known}")

    async def _send_readiness(self, reply: ClientReply) -> None:
        """Say whether searches can be answered now: not draining, and the upstream reachable."""
        if self.draining:
            await _send(reply, 503, {"status": "draining"})
            return
        try:
            async with asyncio.timeout(_PATIENCE_S):
                answer = await self._service.upstream.send(UpstreamRequest("HEAD", "/"))
                await answer.close()
        except TimeoutError:
            problem = f"no answer within {_PATIENCE_S:g} s"
            await _send(reply, 503, {"status": "upstream unreachable", "problem": problem})
            return
        except Exception as error:  # noqa: BLE001 whatever keeps the upstream away is the answer
            await _send(reply, 503, {"status": "upstream unreachable", "problem": str(error)})
            return
        await _send(reply, 200, {"status": "ready", "upstream_status": answer.status})


async def _send(reply: ClientReply, status: int, value: object) -> None:
    await reply.send(status, [("content-type", "application/json")], pretty(write(value)))


def _shown(pipeline: Pipeline) -> dict[str, Any]:
    return {
        "index": pipeline.index,
        "timeout_ms": pipeline.timeout_s * 1_000,
        "merge": pipeline.options.merge.policy,
        "rank_window_size": pipeline.options.rank_window_size,
        "plugins": [
            _shown_member(pipeline, member, hook)
            for hook, members in pipeline.members.items()
            for member in members
        ],
    }


def _shown_member(pipeline: Pipeline, member: Member, hook: str) -> dict[str, Any]:
    shown = {"name": member.name, "hook": hook, "open_circuit": member.breaker.is_open}
    status = pipeline.hooks.status(member.name)
    return shown if status is None else {**shown, "status": status}

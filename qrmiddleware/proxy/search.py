"""Serves ``_search``, search templates, ``_count`` and asynchronous searches."""

import contextlib
from collections.abc import Generator
from dataclasses import dataclass, replace
from typing import Any, Final
from urllib.parse import quote

from qrmiddleware.dsl.raw import NotJsonError, RawObject, pretty, read_object, write
from qrmiddleware.dsl.search import (
    Body,
    Controls,
    SearchRequest,
    Untouched,
    parse_search,
    read_body,
    rendered_parameters,
)
from qrmiddleware.errors import UpstreamError
from qrmiddleware.model import Query
from qrmiddleware.pipeline.search import Answer, blind_search, count, search
from qrmiddleware.pipeline.steps import Relay, Step, Trip
from qrmiddleware.proxy.bodies import (
    Received,
    can_shape,
    changed_body,
    pass_on,
    receive_body,
    shaped,
    with_section,
)
from qrmiddleware.proxy.client import compressed
from qrmiddleware.proxy.context import EXPECTED_ERRORS, SATURATED, Exchange
from qrmiddleware.proxy.routes import Route
from qrmiddleware.proxy.trips import RefusedError, TripReply, Trips, render_template, whole
from qrmiddleware.runner.drive import Run, applied, debug_section, drive, trace_of
from qrmiddleware.upstream.exchange import Headers

OK: Final = 200
GATEWAY_TIMEOUT: Final = 504


async def serve_search(exchange: Exchange, route: Route) -> None:
    """Answer one search, count, template or asynchronous search."""
    received = await receive_body(exchange)
    if received is None:
        return
    try:
        body = read_body(received.text)
    except NotJsonError:  # the engine will say so itself
        await pass_on(exchange, received)
        return
    controls = exchange.controls(body.controls)
    pipeline = exchange.service.pipelines.select(route.index, controls.pipeline)
    uncounted = route.kind == "count" and pipeline is not None and not pipeline.rewrite_count
    if pipeline is None or uncounted or not can_shape(exchange.request.parameters):
        await pass_on(exchange, received, changed=changed_body(received, body))
        return
    run = exchange.run(pipeline, controls)
    task = SearchTask(exchange, route, received, body, controls, run)
    with exchange.service.pipelines.room() as has_room:
        await (_serve(task) if has_room else task.pass_by())


async def _serve(task: "SearchTask") -> None:
    exchange = task.exchange
    try:
        await task.serve()
    except EXPECTED_ERRORS:
        raise
    except Exception:
        if exchange.reply.started:
            raise
        exchange.service.log.exception(
            "search failed; asked as it came", request_id=exchange.request_id
        )
        await task.ask_as_it_came("error")


@dataclass(frozen=True, slots=True)
class SearchTask:
    """One request on its way through a pipeline.

    Attributes:
        exchange: The request and its reply.
        route: What it is for.
        received: Its body as it came.
        body: The same, understood.
        controls: What it asks of the pipeline.
        run: Its notes.
    """

    exchange: Exchange
    route: Route
    received: Received
    body: Body
    controls: Controls
    run: Run

    async def serve(self) -> None:
        """Find the text of the search, and answer it."""
        tree: RawObject | None = self.body.tree
        if self.route.kind == "template":
            tree = await self._rendered()
        if tree is None:
            await self.leave_alone(Untouched("the upstream did not render the template"))
            return
        request = parse_search(
            tree,
            self.exchange.upstream_parameters,
            query_id=self.exchange.request_id,
            index=self.route.index,
            given_text=self.controls.query_text,
            text_paths=self.run.pipeline.options.text_paths,
        )
        if isinstance(request, Untouched):
            await self.leave_alone(request)
        else:
            await self.serve_text(request)

    async def serve_text(self, request: SearchRequest) -> None:
        """Answer a search with a text in it.

        What the engine refuses to answer is asked again as it came: also where it would not take
        all the searches that one has become, or broke off in one of them.
        """
        trips = Trips(self.exchange, self._path)

        async def travel(trip: Trip) -> tuple[bytes, ...]:
            return await trips.ask_all(trip.bodies, rendered_parameters(request, paged=trip.paged))

        try:
            result = await drive(self._steps(request), self.run, travel)
            if isinstance(result, Relay):
                await self._answer_relayed(trips, request, result)
            elif isinstance(result, Answer):
                await self._answer_page(trips, result)
            else:
                await self.leave_alone(result, request.query)
        except RefusedError as refusal:
            fewer = self._became_several and refusal.reply.blames_the_load
            if fewer or refusal.reply.blames_the_body:
                await self.ask_as_it_came("refused")
            else:
                await self._answer_refusal(refusal.reply)
        except UpstreamError as error:
            if not self._became_several or error.status == GATEWAY_TIMEOUT:
                raise  # the client's own search would have fared no better, or has waited enough
            await self.ask_as_it_came("error")

    @property
    def _became_several(self) -> bool:
        return len(self.run.bodies) > 1

    async def _rendered(self) -> RawObject | None:
        rendered = await render_template(self.exchange, self.body.sent)
        return None if rendered is None else read_object(rendered)

    def _steps(self, request: SearchRequest) -> Generator[Step, Any, Answer | Relay | Untouched]:
        options = self.run.pipeline.options
        if self.route.kind == "count":
            return count(request, options)
        if self.route.kind == "async_search" or request.parameters.any_of(("scroll",)):
            return blind_search(request, options)
        return search(request, options, explains=self.controls.debug)

    @property
    def _path(self) -> str:
        """Where changed bodies are sent: where the client sent its own, templates elsewhere."""
        if self.route.kind != "template":
            return self.exchange.request.path
        return f"/{quote(self.route.index, safe=',*')}/_search" if self.route.index else "/_search"

    async def _answer_relayed(self, trips: Trips, request: SearchRequest, result: Relay) -> None:
        self.run.bodies.append(result.body)
        reply = await trips.ask(result.body, rendered_parameters(request, paged=False))
        if reply.status != OK:
            raise RefusedError(reply)
        self.exchange.note(self.run, "handled")
        await self._answer(reply, self._headers("rewrite"))
        self.exchange.observe(self.run, trace_of(self.run, request.query, result))

    async def _answer_page(self, trips: Trips, answer: Answer) -> None:
        trace = trace_of(self.run, answer.plan.request.query, answer)
        debug = self.controls.debug
        section = debug_section(self.run, trace, answer) if debug else None
        text = shaped(answer.render(section, debug=debug), self.exchange.upstream_parameters)
        self.exchange.note(self.run, "handled")
        if not answer.envelope.is_whole:
            self.exchange.service.metrics.note_partial_reply(self.run.pipeline.name)
        await self._answer(TripReply(200, trips.headers, text), self._headers(*applied(answer)))
        self.exchange.observe(self.run, trace)

    async def leave_alone(self, why: Untouched, query: Query | None = None) -> None:
        """Pass a search on that the pipeline has nothing to do with, and say so."""
        self.exchange.note(self.run, "untouched")
        trace = trace_of(self.run, query or Query(""), why)
        if self.controls.debug:
            await self._answer_with_section(debug_section(self.run, trace))
        else:
            await self._pass_on(self._headers())
        self.exchange.observe(self.run, trace)

    async def ask_as_it_came(self, why: str) -> None:
        """Ask what the client asked, because what the pipeline made of it has no answer."""
        self.exchange.note(self.run, why)
        last = self.run.bodies[-1] if self.run.bodies else b""
        self.exchange.service.log.warning(
            "a changed search was not answered; asked as it came",
            why=why,
            request_id=self.exchange.request_id,
            pipeline=self.run.pipeline.name,
            body=last[:2_000].decode(errors="replace"),
        )
        await self._pass_on(self.exchange.headers([self.run], (), {"pipeline": why}))

    async def pass_by(self) -> None:
        """Ask what the client asked, because the pipelines have as much to do as they take."""
        self.exchange.note(self.run, SATURATED)
        await self._pass_on(self.exchange.headers([self.run], (), {"pipeline": SATURATED}))

    async def _pass_on(self, headers: Headers) -> None:
        changed = changed_body(self.received, self.body)
        await pass_on(self.exchange, self.received, headers, changed=changed)

    async def _answer_with_section(self, section: dict[str, object]) -> None:
        """Ask what the client asked, and put debug output into the reply."""
        asked = self.exchange.request.with_body(self.body.sent)
        headers = [pair for pair in asked.headers if pair[0] != "accept-encoding"]
        answer = await self.exchange.service.upstream.send(replace(asked, headers=headers))
        reply = await whole(answer)
        try:
            text = with_section(reply.body, section)
        except NotJsonError:
            text = reply.body
        if self.exchange.upstream_parameters.flag("pretty"):
            text = pretty(text)
        await self._answer(TripReply(reply.status, reply.headers, text), self._headers())

    async def _answer_refusal(self, reply: TripReply) -> None:
        self.exchange.note(self.run, "unanswered")
        text = reply.body
        if self.exchange.upstream_parameters.flag("pretty"):
            with contextlib.suppress(NotJsonError):
                text = pretty(write(read_object(text)))
        await self._answer(replace(reply, body=text), self._headers())

    def _headers(self, *done: str) -> Headers:
        return self.exchange.headers([self.run], done)

    async def _answer(self, answer: TripReply, headers: Headers) -> None:
        text, encoding = compressed(answer.body, self.exchange.request)
        await self.exchange.reply.send(answer.status, [*answer.headers, *headers, *encoding], text)

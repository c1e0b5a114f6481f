"""Serves ``_search``, search templates, ``_count`` and asynchronous searches."""

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from qrmiddleware.dsl.raw import NotJsonError, raw, read_object, write
from qrmiddleware.dsl.search import (
    Body,
    Controls,
    SearchRequest,
    Untouched,
    parse_search,
    rendered_parameters,
)
from qrmiddleware.model import Query
from qrmiddleware.pipeline.search import Answer, blind_search, count, search
from qrmiddleware.pipeline.steps import Relay, Step, Trip
from qrmiddleware.proxy.bodies import (
    Received,
    pass_on,
    passed_body,
    read_search,
    receive_body,
    rendered_template,
    shaped,
)
from qrmiddleware.proxy.client import compressed
from qrmiddleware.proxy.context import Exchange
from qrmiddleware.proxy.routes import Route
from qrmiddleware.proxy.trips import RefusedError, TripReply, Trips
from qrmiddleware.runner.drive import Run, applied, debug_section, drive, trace_of
from qrmiddleware.upstream.exchange import Headers

BAD_REQUEST: Final = 400


async def serve_search(exchange: Exchange, route: Route) -> None:
    """Answer one search, count, template or asynchronous search."""
    received = await receive_body(exchange)
    if received is None:
        return
    body = read_search(received)
    if body is None:
        await pass_on(exchange, received.data)
        return
    controls = exchange.controls(body.controls)
    pipeline = exchange.service.pipelines.select(route.index, controls.pipeline)
    if pipeline is None or (route.kind == "count" and not pipeline.rewrite_count):
        await pass_on(exchange, passed_body(received, body))
        return
    run = exchange.run(pipeline, controls)
    task = SearchTask(exchange, route, received, body, controls, run)
    tree = body.tree
    if route.kind == "template":
        rendered = await rendered_template(exchange, body.sent)
        if rendered is None:
            await task.leave_alone(Untouched("the upstream did not render the template"))
            return
        tree = read_object(rendered)
    request = parse_search(
        tree,
        exchange.upstream_parameters,
        query_id=exchange.request_id,
        index=route.index,
        given_text=controls.query_text,
        text_paths=pipeline.options.text_paths,
    )
    if isinstance(request, Untouched):
        await task.leave_alone(request)
    else:
        await task.serve(request)


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

    async def serve(self, request: SearchRequest) -> None:
        """Answer a search with a text in it.

        What the engine refuses to answer is asked again as it came.
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
            if refusal.reply.status == BAD_REQUEST:
                await self._ask_as_it_came()
            else:
                await self._answer(refusal.reply, self._headers())
        except NotJsonError:
            await self._ask_as_it_came()

    def _steps(self, request: SearchRequest) -> Generator[Step, Any, Answer | Relay | Untouched]:
        options = self.run.pipeline.options
        if self.route.kind == "count":
            return count(request, options)
        if self.route.kind == "async_search" or request.parameters.any_of(("scroll",)):
            return blind_search(request, options)
        return search(request, options)

    @property
    def _path(self) -> str:
        """Where changed bodies are sent: where the client sent its own, templates elsewhere."""
        if self.route.kind != "template":
            return self.exchange.request.path
        return f"/{quote(self.route.index, safe=',*')}/_search" if self.route.index else "/_search"

    async def _answer_relayed(self, trips: Trips, request: SearchRequest, result: Relay) -> None:
        self.run.bodies.append(result.body)
        reply = await trips.ask(result.body, rendered_parameters(request, paged=False))
        if reply.status >= BAD_REQUEST:
            raise RefusedError(reply)
        self.exchange.note(self.run, "handled")
        await self._answer(reply, self._headers("rewrite"))
        self.run.pipeline.observe(trace_of(self.run, request.query, result))

    async def _answer_page(self, trips: Trips, answer: Answer) -> None:
        trace = trace_of(self.run, answer.plan.request.query, answer)
        debug = self.controls.debug
        section = debug_section(self.run, trace, answer) if debug else None
        text = shaped(answer.render(section, debug=debug), self.exchange.upstream_parameters)
        self.exchange.note(self.run, "handled")
        await self._answer(TripReply(200, trips.headers, text), self._headers(*applied(answer)))
        self.run.pipeline.observe(trace)

    async def leave_alone(self, why: Untouched, query: Query | None = None) -> None:
        """Pass a search on that the pipeline has nothing to do with, and say so."""
        self.exchange.note(self.run, "untouched")
        trace = trace_of(self.run, query or Query(""), why)
        if self.controls.debug:
            await self._answer_with_section(debug_section(self.run, trace))
        else:
            await pass_on(self.exchange, passed_body(self.received, self.body), self._headers())
        self.run.pipeline.observe(trace)

    async def _answer_with_section(self, section: dict[str, object]) -> None:
        """Ask what the client asked, and put debug output into the reply."""
        parameters = self.exchange.upstream_parameters
        trips = Trips(self.exchange, self.exchange.request.path)
        reply = await trips.ask(self.body.sent, parameters.without(("pretty",)))
        try:
            tree = read_object(reply.body)
            others = read_object(tree["ext"]) if "ext" in tree else {}
            text = write({**tree, "ext": raw({**others, "qrm": raw(section)})})
        except NotJsonError:
            text = reply.body
        else:
            text = shaped(text, parameters.without(("filter_path",)))
        await self._answer(TripReply(reply.status, reply.headers, text), self._headers())

    async def _ask_as_it_came(self) -> None:
        self.exchange.note(self.run, "refused")
        last = self.run.bodies[-1] if self.run.bodies else b""
        self.exchange.service.log.warning(
            "the upstream refused a changed search; asked again as it came",
            request_id=self.exchange.request_id,
            pipeline=self.run.pipeline.name,
            body=last[:2_000].decode(errors="replace"),
        )
        headers = self.exchange.headers([self.run], (), {"pipeline": "refused"})
        await pass_on(self.exchange, passed_body(self.received, self.body), headers)

    def _headers(self, *done: str) -> Headers:
        return self.exchange.headers([self.run], done)

    async def _answer(self, answer: TripReply, headers: Headers) -> None:
        text, encoding = compressed(answer.body, self.exchange.request)
        await self.exchange.reply.send(answer.status, [*answer.headers, *headers, *encoding], text)

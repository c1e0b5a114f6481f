"""Serves ``_msearch``: every item runs through its pipeline, all of them together upstream."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from time import perf_counter

from qrmiddleware.dsl.msearch import (
    read_msearch,
    read_replies,
    render_msearch,
    render_replies,
)
from qrmiddleware.dsl.raw import NotJsonError, RawObject, raw
from qrmiddleware.dsl.search import Controls
from qrmiddleware.dsl.uri import Parameters
from qrmiddleware.proxy.bodies import Received, can_shape, pass_on, receive_body, shaped
from qrmiddleware.proxy.client import compressed
from qrmiddleware.proxy.context import EXPECTED_ERRORS, SATURATED, Exchange
from qrmiddleware.proxy.items import ItemTask
from qrmiddleware.proxy.routes import Route
from qrmiddleware.proxy.trips import RENDERED_HERE, RefusedError, Trips, render_template
from qrmiddleware.upstream.exchange import Headers

_JSON: Headers = [("content-type", "application/json")]


async def serve_msearch(exchange: Exchange, route: Route) -> None:
    """Answer several searches; one that cannot be read is left to the engine as it came."""
    received = await receive_body(exchange)
    if received is None:
        return
    named = exchange.controls(Controls()).pipeline
    exchange.service.pipelines.select(route.index, named)
    try:
        tasks = _tasks(received.text)
    except NotJsonError:  # the engine will say so itself
        await pass_on(exchange, received)
        return
    batch = Batch(exchange, route, received, tasks)
    if not can_shape(exchange.request.parameters):
        await batch.pass_on()
        return
    batch.find_pipelines()
    with exchange.service.pipelines.room() as has_room:
        if has_room or batch.is_wrong:
            await _serve(batch)
        else:
            await batch.pass_by()


async def _serve(batch: "Batch") -> None:
    exchange = batch.exchange
    try:
        await batch.serve()
    except EXPECTED_ERRORS:
        raise
    except Exception:
        if exchange.reply.started:
            raise
        exchange.service.log.exception(
            "msearch failed; asked as it came", request_id=exchange.request_id
        )
        await batch.ask_as_it_came("error")


def _tasks(text: bytes) -> list[ItemTask]:
    if not text.endswith(b"\n"):
        problem = "the last line is not ended, as engines want it"
        raise NotJsonError(problem)
    return [ItemTask.of(item) for item in read_msearch(text)]


@dataclass(frozen=True, slots=True)
class Batch:
    """The searches of one request on their way through their pipelines.

    Attributes:
        exchange: The request and its reply.
        route: What it is for.
        received: Its body as it came.
        tasks: Its searches, in order.
    """

    exchange: Exchange
    route: Route
    received: Received
    tasks: Sequence[ItemTask]

    def find_pipelines(self) -> None:
        """Find the pipeline of each item."""
        for task in self.tasks:
            task.find_pipeline(self.exchange, self.route.index)

    @property
    def is_wrong(self) -> bool:
        """Whether an item has its answer already: it names a pipeline that there is not."""
        return any(task.reply is not None for task in self.tasks)

    async def serve(self) -> None:
        """Answer all items."""
        if self.route.kind == "msearch_template" and not await self._render_templates():
            await self.pass_on()
            self._note("untouched")
            return
        for task in self.tasks:
            task.find_text(self.exchange)
        await self.exchange.together(task.begin() for task in self.tasks)
        if any(task.needs_answer for task in self.tasks):
            await self._answer()
        else:
            await self.pass_on()
            self._note("untouched")

    async def ask_as_it_came(self, why: str) -> None:
        """Ask what the client asked, because what the pipelines made of it has no answer."""
        self.exchange.service.log.warning(
            "a changed msearch was not answered; asked as it came",
            why=why,
            request_id=self.exchange.request_id,
        )
        await self.pass_on({"pipeline": why})
        self._note(why)

    async def pass_by(self) -> None:
        """Ask what the client asked, because the pipelines have as much to do as they take."""
        await self.pass_on({"pipeline": SATURATED})
        for task in self.tasks:
            if task.run is not None:
                self.exchange.note(task.run, SATURATED)

    async def _answer(self) -> None:
        request, parameters = self.exchange.request, self.exchange.upstream_parameters
        path = request.path.rstrip("/").removesuffix("/template")
        trips = Trips(self.exchange, path)
        envelope: RawObject = {}
        try:
            while any(task.reply is None for task in self.tasks):
                tree = await self._trip(trips, parameters)
                envelope = envelope or tree
        except RefusedError as refusal:
            if refusal.reply.blames_the_body:
                await self.ask_as_it_came("refused")
                return
            envelope, trips.headers = {}, refusal.reply.headers
            await self._send(refusal.reply.status, refusal.reply.headers, refusal.reply.body)
            self._note("unanswered")
            return
        replies = [task.reply or b"{}" for task in self.tasks]
        text = render_replies(envelope or {"took": raw(0)}, replies)
        await self._send(200, trips.headers or _JSON, shaped(text, parameters))
        self._note("handled")

    async def _send(self, status: int, headers: Headers, body: bytes) -> None:
        text, encoding = compressed(body, self.exchange.request)
        refused = {"pipeline": "refused"} if any(task.refused for task in self.tasks) else {}
        done = [what for task in self.tasks for what in task.done]
        ours = self._headers(done, refused)
        await self.exchange.reply.send(status, [*headers, *ours, *encoding], text)

    async def _trip(self, trips: Trips, parameters: Parameters) -> RawObject:
        """Send what all items wait for in one request, and hand out the replies."""
        sent = [task.sent() for task in self.tasks]
        body = render_msearch([item for items in sent for item in items])
        began = perf_counter()
        (reply,) = await trips.ask_all([body], parameters.without(RENDERED_HERE))
        for task in self.tasks:
            task.note_trip(perf_counter() - began)
        tree, replies = read_replies(reply)
        if len(replies) != sum(map(len, sent)):
            problem = f"{len(replies)} replies to {sum(map(len, sent))} searches"
            raise NotJsonError(problem)
        ahead = iter(replies)
        answers = [[next(ahead) for _ in items] for items in sent]
        pairs = zip(self.tasks, answers, strict=True)
        await self.exchange.together(task.take(answer) for task, answer in pairs)
        return tree

    async def _render_templates(self) -> bool:
        """Let the upstream render every template; false if it cannot."""
        texts = await self.exchange.together(
            render_template(self.exchange, task.plain.body) for task in self.tasks
        )
        for task, text in zip(self.tasks, texts, strict=True):
            task.rendered = None if text is None else text.replace(b"\n", b" ")
        return None not in texts

    async def pass_on(self, skipped: dict[str, str] | None = None) -> None:
        """Ask what the client asked, and pass the reply on."""
        changed = any(task.plain is not task.item for task in self.tasks)
        text = render_msearch([task.plain for task in self.tasks]) if changed else None
        headers = self._headers((), skipped) if any(task.run for task in self.tasks) else ()
        await pass_on(self.exchange, self.received, headers, changed=text)

    def _headers(self, done: Iterable[str], skipped: dict[str, str] | None = None) -> Headers:
        runs = [task.run for task in self.tasks if task.run is not None]
        return self.exchange.headers(runs, done, skipped)

    def _note(self, outcome: str) -> None:
        """Count every item, and show it to the plugins that observe."""
        for task in self.tasks:
            if task.run is not None:
                self.exchange.note(task.run, task.outcome(outcome))
                if task.is_partial:
                    self.exchange.service.metrics.note_partial_reply(task.run.pipeline.name)
                self.exchange.observe(task.run, task.trace())

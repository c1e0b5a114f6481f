"""Serves ``_msearch``: every item runs through its pipeline, all of them together upstream."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from msgspec import Raw

from qrmiddleware.dsl.msearch import (
    MsearchItem,
    read_msearch,
    read_replies,
    render_msearch,
    render_replies,
)
from qrmiddleware.dsl.raw import NotJsonError, RawObject, read_object
from qrmiddleware.dsl.search import (
    Body,
    Controls,
    SearchRequest,
    Untouched,
    parse_search,
    read_body,
)
from qrmiddleware.dsl.uri import Parameters
from qrmiddleware.errors import RequestError
from qrmiddleware.pipeline.search import Answer, Search, search
from qrmiddleware.pipeline.steps import Trip
from qrmiddleware.proxy.bodies import pass_on, receive_body, rendered_template, shaped
from qrmiddleware.proxy.client import compressed, error_body
from qrmiddleware.proxy.context import Exchange
from qrmiddleware.proxy.routes import Route
from qrmiddleware.proxy.trips import RENDERED_HERE, RefusedError, Trips
from qrmiddleware.runner.drive import (
    Done,
    Run,
    advance,
    applied,
    debug_section,
    trace_of,
)


@dataclass(slots=True)
class ItemTask:
    """One search of several.

    Attributes:
        item: As it came.
        body: Its body, understood; ``None`` if it is no JSON object.
        controls: What it asks of the pipeline.
        run: Its notes; ``None`` if no pipeline serves it.
        request: The search; ``None`` if it is to be left alone.
        steps: The same, under way.
        state: What it waits for, or how it ended.
        reply: What it is answered with.
    """

    item: MsearchItem
    body: Body | None = None
    controls: Controls = field(default_factory=Controls)
    run: Run | None = None
    request: SearchRequest | None = None
    steps: Search | None = None
    state: Trip | Done[Answer | Untouched] | None = None
    reply: bytes | Raw | None = None

    @property
    def plain(self) -> MsearchItem:
        """What is sent if the pipeline leaves the item alone."""
        if self.body is None or self.body.controls == Controls():
            return self.item
        return MsearchItem(self.item.header, self.body.sent)

    def sent(self) -> list[MsearchItem]:
        """Return what the next trip carries for this item."""
        if self.reply is not None:
            return []
        if isinstance(self.state, Trip):
            return [MsearchItem(self.item.header, body) for body in self.state.bodies]
        return [self.plain]

    async def begin(self) -> None:
        """Run until the first trip."""
        if self.request is not None and self.run is not None:
            self.steps = search(self.request, self.run.pipeline.options)
            self.state = await advance(self.steps, self.run)

    async def take(self, replies: Sequence[Raw]) -> None:
        """Take the replies to ``sent``, and go on; an item that is refused starts over plain."""
        if not replies:
            return
        if not isinstance(self.state, Trip) or self.steps is None or self.run is None:
            self.reply = replies[0]
            return
        if any("error" in read_object(reply) for reply in replies):
            self.steps, self.state = None, None
            return
        answer = [bytes(reply) for reply in replies]
        try:
            self.state = await advance(self.steps, self.run, answer)
        except NotJsonError:
            self.steps, self.state = None, None
            return
        if isinstance(self.state, Done) and isinstance(self.state.value, Answer):
            self.reply = self._rendered(self.state.value, self.run)

    def _rendered(self, answer: Answer, run: Run) -> bytes:
        trace = trace_of(run, answer.plan.request.query, answer)
        run.pipeline.observe(trace)
        section = debug_section(run, trace, answer) if self.controls.debug else None
        return answer.render(section, debug=self.controls.debug)

    @property
    def done(self) -> tuple[str, ...]:
        """What was done to it."""
        if isinstance(self.state, Done) and isinstance(self.state.value, Answer):
            return applied(self.state.value)
        return ()


async def serve_msearch(exchange: Exchange, route: Route) -> None:
    """Answer several searches; one that cannot be read is left to the engine as it came."""
    received = await receive_body(exchange)
    if received is None:
        return
    try:
        items = read_msearch(received.text)
        if route.kind == "msearch_template":
            items = await _rendered(exchange, items)
        tasks = [_task(exchange, route, item) for item in items]
    except NotJsonError:
        await pass_on(exchange, received.data)
        return
    await exchange.together(task.begin() for task in tasks)
    runs = [task.run for task in tasks if task.run is not None]
    if not any(isinstance(task.state, Trip) or task.reply is not None for task in tasks):
        changed = any(task.plain is not task.item for task in tasks)
        data = render_msearch([task.plain for task in tasks]) if changed else received.data
        _note(exchange, tasks)
        await pass_on(exchange, data, exchange.headers(runs, ()) if runs else ())
        return
    await _serve(exchange, route, tasks)


async def _serve(exchange: Exchange, route: Route, tasks: Sequence[ItemTask]) -> None:
    request = exchange.request
    path = request.path.removesuffix("/template") if route.kind != "msearch" else request.path
    trips = Trips(exchange, path)
    parameters = exchange.upstream_parameters
    envelope: RawObject = {}
    while any(task.reply is None for task in tasks):
        try:
            tree = await _trip(trips, parameters, tasks)
        except RefusedError as refusal:
            await exchange.reply.send(
                refusal.reply.status, refusal.reply.headers, refusal.reply.body
            )
            return
        envelope = envelope or tree
    _note(exchange, tasks)
    text = render_replies(envelope, [task.reply or b"{}" for task in tasks])
    text, encoding = compressed(shaped(text, parameters), request)
    runs = [task.run for task in tasks if task.run is not None]
    done = [what for task in tasks for what in task.done]
    headers = [*trips.headers, *exchange.headers(runs, done), *encoding]
    await exchange.reply.send(200, headers, text)


async def _trip(trips: Trips, parameters: Parameters, tasks: Sequence[ItemTask]) -> RawObject:
    """Send what all items wait for in one request, and hand out the replies."""
    sent = [task.sent() for task in tasks]
    body = render_msearch([item for items in sent for item in items])
    (reply,) = await trips.ask_all([body], parameters.without(RENDERED_HERE))
    tree, replies = read_replies(reply)
    ahead = iter(replies)
    for task, items in zip(tasks, sent, strict=True):
        await task.take([next(ahead) for _ in items])
    return tree


def _task(exchange: Exchange, route: Route, item: MsearchItem) -> ItemTask:
    """Find an item's pipeline and text; raises ``NotJsonError`` if its header is none."""
    index = item.index if item.index is not None else route.index
    try:
        body = read_body(item.body)
    except NotJsonError:
        return ItemTask(item)
    try:
        controls = exchange.controls(body.controls)
        pipeline = exchange.service.pipelines.select(index, controls.pipeline)
    except RequestError as error:
        return ItemTask(item, body, reply=error_body(400, "illegal_argument_exception", str(error)))
    if pipeline is None:
        return ItemTask(item, body, controls)
    request = parse_search(
        body.tree,
        Parameters(),
        query_id=exchange.request_id,
        index=index,
        given_text=controls.query_text,
        text_paths=pipeline.options.text_paths,
    )
    run = exchange.run(pipeline, controls)
    task = ItemTask(item, body, controls, run)
    if isinstance(request, Untouched):
        task.state = Done(request)
    else:
        task.request = request
    return task


async def _rendered(exchange: Exchange, items: Sequence[MsearchItem]) -> tuple[MsearchItem, ...]:
    """Let the upstream render every template; raises ``NotJsonError`` if it cannot."""
    bodies = await exchange.together(rendered_template(exchange, item.body) for item in items)
    rendered = []
    for item, body in zip(items, bodies, strict=True):
        if body is None:
            problem = "a template was not rendered"
            raise NotJsonError(problem)
        rendered.append(MsearchItem(item.header, body.replace(b"\n", b" ")))
    return tuple(rendered)


def _note(exchange: Exchange, tasks: Sequence[ItemTask]) -> None:
    for task in tasks:
        if task.run is not None:
            exchange.note(task.run, "handled" if task.done else "untouched")

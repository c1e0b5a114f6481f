"""One search of an ``_msearch`` on its way through a pipeline."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from msgspec import Raw

from qrmiddleware.dsl.msearch import MsearchItem
from qrmiddleware.dsl.raw import NotJsonError, read_object
from qrmiddleware.dsl.search import (
    Body,
    Controls,
    SearchRequest,
    Untouched,
    parse_search,
    read_body,
)
from qrmiddleware.dsl.uri import Parameters
from qrmiddleware.errors import PluginError, QrmError, RequestError
from qrmiddleware.model import Query, Trace
from qrmiddleware.pipeline.search import Answer, Search, search
from qrmiddleware.pipeline.steps import Trip
from qrmiddleware.proxy.bodies import with_section
from qrmiddleware.proxy.client import error_body
from qrmiddleware.proxy.context import Exchange
from qrmiddleware.proxy.trips import BODY_ERRORS, LOAD_ERRORS
from qrmiddleware.runner.drive import Done, Run, advance, applied, debug_section, trace_of


@dataclass(slots=True)
class ItemTask:
    """One search of several.

    Attributes:
        item: As it came.
        body: Its body, understood; ``None`` if it is no JSON object.
        index: The header's index expression; ``None`` until the URL's takes its place.
        rendered: What its template became; ``None`` if it is none.
        controls: What it asks of the pipeline.
        run: Its notes; ``None`` if no pipeline serves it.
        request: The search; ``None`` if it is to be left alone.
        steps: The same, under way.
        state: What it waits for, or how it ended.
        refused: Whether the upstream refused what the pipeline made of it.
        reply: What it is answered with.
    """

    item: MsearchItem
    body: Body | None = None
    index: str | None = None
    rendered: bytes | None = None
    controls: Controls = field(default_factory=Controls)
    run: Run | None = None
    request: SearchRequest | None = None
    steps: Search | None = None
    state: Trip | Done[Answer | Untouched] | None = None
    refused: bool = False
    reply: bytes | Raw | None = None

    @classmethod
    def of(cls, item: MsearchItem) -> "ItemTask":
        """Read one; raises ``NotJsonError`` if its header is no JSON object."""
        index = item.index
        try:
            return cls(item, read_body(item.body), index)
        except NotJsonError:
            return cls(item, index=index)

    def find_pipeline(self, exchange: Exchange, url_index: str) -> None:
        """Find its pipeline, if one serves it."""
        if self.body is None:
            return
        if self.index is None:
            self.index = url_index
        try:
            self.controls = exchange.controls(self.body.controls)
            pipeline = exchange.service.pipelines.select(self.index, self.controls.pipeline)
        except RequestError as error:
            self._fail(error)
            return
        if pipeline is not None:
            self.run = exchange.run(pipeline, self.controls)

    def find_text(self, exchange: Exchange) -> None:
        """Find the text of a search that a pipeline serves."""
        if self.body is None or self.run is None:
            return
        request = parse_search(
            self.body.tree if self.rendered is None else read_object(self.rendered),
            Parameters(),
            query_id=exchange.request_id,
            index=self.index or "",
            given_text=self.controls.query_text,
            text_paths=self.run.pipeline.options.text_paths,
        )
        if isinstance(request, Untouched):
            self.state = Done(request)
        else:
            self.request = request

    async def begin(self) -> None:
        """Run until the first trip."""
        if self.request is None or self.run is None:
            return
        options = self.run.pipeline.options
        self.steps = search(self.request, options, explains=self.controls.debug)
        try:
            self.state = await advance(self.steps, self.run)
        except PluginError as error:
            self._fail(error)

    async def take(self, replies: Sequence[Raw]) -> None:
        """Take the replies to ``sent``, and go on; an item that is refused starts over plain."""
        if not replies:
            return
        if not isinstance(self.state, Trip) or self.steps is None or self.run is None:
            self.reply = self._left_alone(replies[0])
            return
        try:
            refusal = next((reply for reply in replies if "error" in read_object(reply)), None)
            if refusal is not None:
                self._take_refusal(refusal)
                return
            self.state = await advance(self.steps, self.run, [bytes(reply) for reply in replies])
        except NotJsonError:
            self._start_over()
            return
        except PluginError as error:
            self._fail(error)
            return
        if isinstance(self.state, Done) and isinstance(self.state.value, Answer):
            self.reply = self._rendered_answer(self.state.value, self.run)

    @property
    def needs_answer(self) -> bool:
        """Whether the proxy writes its reply, and does not only pass it on."""
        return isinstance(self.state, Trip) or self.reply is not None or self._shows_section

    @property
    def plain(self) -> MsearchItem:
        """What is passed on if the pipeline leaves it alone: all but ``ext.qrm``."""
        if self.body is None or self.body.sent is self.item.body:
            return self.item
        return MsearchItem(self.item.header, self.body.sent)

    def sent(self) -> list[MsearchItem]:
        """Return what the next trip carries for it."""
        if self.reply is not None:
            return []
        if isinstance(self.state, Trip):
            return [MsearchItem(self.item.header, body) for body in self.state.bodies]
        if self.rendered is not None:
            return [MsearchItem(self.item.header, self.rendered)]
        return [self.plain]

    def note_trip(self, elapsed_s: float) -> None:
        """Note the time of a trip that all items made together."""
        if isinstance(self.state, Trip) and self.run is not None:
            self.run.note_time(self.state.name, elapsed_s)

    @property
    def done(self) -> tuple[str, ...]:
        """What was done to it."""
        if isinstance(self.state, Done) and isinstance(self.state.value, Answer):
            return applied(self.state.value)
        return ()

    @property
    def is_partial(self) -> bool:
        """Whether its answer lacks the hits of some shards."""
        match self.state:
            case Done(value=Answer() as answer):
                return not answer.envelope.is_whole
            case _:
                return False

    def outcome(self, of_all: str) -> str:
        """Return how it went, given how the whole request did."""
        if of_all != "handled":
            return of_all
        if self.refused:
            return "refused"
        return "handled" if self.done else "untouched"

    def trace(self) -> Trace:
        """Sum it up; only for an item with a pipeline."""
        if self.run is None:
            problem = "no pipeline serves this item"
            raise ValueError(problem)
        query = Query("") if self.request is None else self.request.query
        result = self.state.value if isinstance(self.state, Done) else Untouched("refused")
        return trace_of(self.run, query, result)

    @property
    def _shows_section(self) -> bool:
        return self.controls.debug and self.run is not None

    def _take_refusal(self, refusal: Raw) -> None:
        """Start over plain if the client's own search might be answered; else pass it on."""
        several = self.run is not None and len(self.run.bodies) > 1
        ours = BODY_ERRORS | LOAD_ERRORS if several else BODY_ERRORS
        if int(bytes(read_object(refusal).get("status", b"400"))) in ours:
            self._start_over()
        else:
            self.steps, self.state, self.reply = None, None, refusal

    def _start_over(self) -> None:
        self.steps, self.state, self.refused = None, None, True

    def _fail(self, error: QrmError) -> None:
        if isinstance(error, RequestError):
            self.reply = error_body(400, "illegal_argument_exception", str(error))
        else:
            self.reply = error_body(500, "qrm_plugin_exception", str(error))

    def _left_alone(self, reply: Raw) -> bytes | Raw:
        if not self._shows_section or self.run is None:
            return reply
        try:
            return with_section(bytes(reply), debug_section(self.run, self.trace()))
        except NotJsonError:
            return reply

    def _rendered_answer(self, answer: Answer, run: Run) -> bytes:
        debug = self.controls.debug
        section = debug_section(run, self.trace(), answer) if debug else None
        return answer.render(section, debug=debug)

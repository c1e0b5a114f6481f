"""Search bodies as clients send them: compressed, in the URL, as templates, too large."""

from dataclasses import dataclass

from qrmiddleware.dsl.filter_path import filter_reply
from qrmiddleware.dsl.raw import NotJsonError, pretty, read_object
from qrmiddleware.dsl.search import Body, Controls, read_body
from qrmiddleware.dsl.uri import Parameters
from qrmiddleware.proxy.client import TooLargeError
from qrmiddleware.proxy.context import Exchange
from qrmiddleware.proxy.relay import relay
from qrmiddleware.proxy.trips import Trips
from qrmiddleware.upstream.exchange import Headers


@dataclass(frozen=True, slots=True)
class Received:
    """A request's body.

    Attributes:
        data: As it came.
        text: Uncompressed; what the URL's ``source`` says if there was no body.
    """

    data: bytes
    text: bytes


async def receive_body(exchange: Exchange) -> Received | None:
    """Read a body; one that cannot be read is passed on, and ``None`` returned."""
    request, service = exchange.request, exchange.service
    limit = service.settings.limits.max_body_bytes
    try:
        data = await request.body(limit)
    except TooLargeError as error:
        headers = [("x-qrm-degraded", "pipeline=body_too_large")]
        await relay(service.upstream, request, exchange.reply, head=error.head, headers=headers)
        return None
    try:
        if not request.is_json:
            problem = "not JSON"
            raise NotJsonError(problem)
        text = request.plain(data, limit)
    except ValueError:
        await pass_on(exchange, data)
        return None
    source = request.parameters.get("source")
    return Received(data, source.encode() if source and not text.strip() else text)


def read_search(received: Received) -> Body | None:
    """Understand a body; ``None`` if it is no JSON object, as the engine will say itself."""
    try:
        return read_body(received.text)
    except NotJsonError:
        return None


def passed_body(received: Received, body: Body) -> bytes:
    """Return the bytes to pass on: those that came, unless there was an ``ext.qrm`` in them."""
    return received.data if body.controls == Controls() else body.sent


async def pass_on(exchange: Exchange, data: bytes, headers: Headers = ()) -> None:
    """Pass a request on whose body has been read."""
    await relay(
        exchange.service.upstream, exchange.request, exchange.reply, body=data, headers=headers
    )


async def rendered_template(exchange: Exchange, data: bytes) -> bytes | None:
    """Let the upstream render a search template; ``None`` if it cannot."""
    trips = Trips(exchange, "/_render/template")
    reply = await trips.ask(data, Parameters())
    try:
        output = read_object(reply.body)["template_output"]
        read_object(output)
    except (NotJsonError, KeyError):
        return None
    return bytes(output)


def shaped(text: bytes, parameters: Parameters) -> bytes:
    """Apply to a reply what the client's URL says about its form."""
    filter_path = parameters.get("filter_path")
    if filter_path:
        text = filter_reply(text, filter_path)
    return pretty(text) if parameters.flag("pretty") else text

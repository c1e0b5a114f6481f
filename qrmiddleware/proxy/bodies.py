"""Search bodies as clients send them: compressed, in the URL, as templates, too large."""

from collections.abc import Mapping
from dataclasses import dataclass

from qrmiddleware.dsl.filter_path import LONGEST, filter_reply
from qrmiddleware.dsl.raw import NotJsonError, pretty, raw, read_object, write
from qrmiddleware.dsl.search import Body
from qrmiddleware.dsl.uri import Parameters
from qrmiddleware.proxy.client import TooLargeError
from qrmiddleware.proxy.context import Exchange
from qrmiddleware.proxy.relay import ask_and_answer, relay
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
        if not request.is_json or (data and not request.header("content-type")):
            problem = "not JSON"
            raise NotJsonError(problem)
        text = request.plain(data, limit)
    except ValueError:
        await pass_on(exchange, Received(data, data))
        return None
    source = request.parameters.get("source")
    return Received(data, source.encode() if source and not text.strip() else text)


def changed_body(received: Received, body: Body) -> bytes | None:
    """Return the body without ``ext.qrm``; ``None`` if there was none in it."""
    return None if body.sent is received.text else body.sent


async def pass_on(
    exchange: Exchange, received: Received, headers: Headers = (), *, changed: bytes | None = None
) -> None:
    """Pass a request on whose body has been read.

    Args:
        exchange: The request and its reply.
        received: Its body.
        headers: To add to the reply.
        changed: A plain body to send in place of the one that came.
    """
    request = exchange.request
    asked = request.as_it_came(received.data) if changed is None else request.with_body(changed)
    await ask_and_answer(exchange.service.upstream, asked, exchange.reply, headers)


def can_shape(parameters: Parameters) -> bool:
    """Whether a reply can be given the form that the client's URL asks for."""
    return len(parameters.get("filter_path") or "") <= LONGEST


def shaped(text: bytes, parameters: Parameters) -> bytes:
    """Apply to a reply what the client's URL says about its form."""
    filter_path = parameters.get("filter_path")
    if filter_path:
        text = filter_reply(text, filter_path)
    return pretty(text) if parameters.flag("pretty") else text


def with_section(text: bytes, section: Mapping[str, object]) -> bytes:
    """Put debug output into a reply that the pipeline had no part in.

    Raises:
        NotJsonError: If the reply is no JSON object.
    """
    tree = read_object(text)
    others = read_object(tree["ext"]) if "ext" in tree else {}
    return write({**tree, "ext": raw({**others, "qrm": raw(section)})})

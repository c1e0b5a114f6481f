"""Applications that tell what their server lets them know; ``behave.py`` asks them."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

_noticed: list[int] = []


async def application(scope: Message, receive: Receive, send: Send) -> None:
    """Echo the request; ``/slow`` waits a second or for a disconnect, ``/gone`` counts those."""
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
        return
    text, length = "", None
    match scope["path"]:
        case "/slow":
            text = await _first(asyncio.sleep(1, "slept"), _disconnect(receive))
            if text == "gone":
                _noticed.append(1)
        case "/gone":
            text = str(len(_noticed))
        case "/sink":
            text = str(await _count(receive))
        case "/head":
            length = b"123"
        case _:
            query = scope["query_string"]
            fields = "\n".join(f"{n.decode()}: {v.decode('latin-1')}" for n, v in scope["headers"])
            text = f"{scope.get('raw_path')!r} {query!r}\n{fields}"
    body = text.encode()
    headers = [(b"content-length", length or str(len(body)).encode()), (b"x-b", b"1")]
    headers += [(b"x-a", b"1"), (b"x-b", b"2")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _first(*waiting: Any) -> str:  # noqa: ANN401 - coroutines of str
    tasks = [asyncio.ensure_future(each) for each in waiting]
    done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in pending:
        task.cancel()
    return str(done.pop().result())


async def _disconnect(receive: Receive) -> str:
    while (await receive())["type"] != "http.disconnect":
        pass
    return "gone"


async def _count(receive: Receive) -> int:
    size_bytes = 0
    while True:
        message = await receive()
        size_bytes += len(message.get("body", b""))
        if not message.get("more_body"):
            return size_bytes


async def _handle(request: web.Request) -> web.Response:
    headers = [("x-b", "1"), ("x-a", "1"), ("x-b", "2")]
    match request.path:
        case "/slow":
            try:
                await asyncio.sleep(1)
            except asyncio.CancelledError:
                _noticed.append(1)
                raise
            return web.Response(text="slept")
        case "/gone":
            return web.Response(text=str(len(_noticed)))
        case "/sink":
            return web.Response(text=str(sum([len(c) async for c in request.content.iter_any()])))
        case "/head":
            return web.Response(headers=[*headers, ("content-length", "123")])
        case _:
            fields = "\n".join(
                f"{n.decode()}: {v.decode('latin-1')}" for n, v in request.raw_headers
            )
            return web.Response(text=f"{request.raw_path!r}\n{fields}", headers=headers)


if __name__ == "__main__":
    app = web.Application(client_max_size=2**40)
    app.router.add_route("*", "/{tail:.*}", _handle)
    web.run_app(
        app,
        host="127.0.0.1",
        port=int(sys.argv[1]),
        print=lambda _: None,
        handler_cancellation=True,
    )

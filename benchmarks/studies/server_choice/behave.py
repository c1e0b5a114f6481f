"""What do the servers tell an application? ``python …/behave.py`` prints what it finds.

Asks over raw sockets, because no client would send these requests.
"""

import signal
import socket
import time
from collections.abc import Callable
from functools import partial

import psutil
import typer
from servers import aiohttp_web, granian, uvicorn

from qrmiddleware_benchmarks.processes import Part, listening, usage

_PORT = 9320
_MEGABYTE = 2**20
_TARGETS = ("/a%2Fb,c*/_search?q=%C3%A4%20+&x", "//a/../b?", "/x%zz?a#b", "/ä?ä", "*")
_SERVERS: dict[str, Callable[[int], list[str]]] = {
    "uvicorn": partial(uvicorn, "probe:application"),
    "Granian ASGI": partial(granian, "asgi", "probe:application"),
    "aiohttp.web": partial(aiohttp_web, "probe"),
}


def _ask(data: bytes, *, wait_s: float = 0.5, half_close: bool = False) -> str:
    with socket.create_connection(("127.0.0.1", _PORT)) as connection:
        connection.sendall(data)
        if half_close:
            connection.shutdown(socket.SHUT_WR)
        return _receive(connection, wait_s)


def _receive(connection: socket.socket, wait_s: float) -> str:
    received = b""
    connection.settimeout(wait_s)
    try:
        while data := connection.recv(_MEGABYTE):
            received += data
    except TimeoutError:
        pass
    return received.decode("latin-1")


def _request(line: str, fields: str = "") -> bytes:
    return f"{line} HTTP/1.1\r\nHost: x\r\n{fields}\r\n".encode()


def _targets_and_fields() -> None:
    for target in _TARGETS:
        reply = _ask(_request(f"GET {target}", "X-B: 1\r\nx-a: 1\r\nX-b: 2\r\n"))
        head, _, body = reply.partition("\r\n\r\n")
        typer.echo(f"{target} -> {head.splitlines()[0]}: {body.splitlines()[:1]}")
    reply = _ask(_request("GET /", "X-B: 1\r\nx-a: 1\r\nX-b: 2\r\n"))
    typer.echo(f"fields of request X-B x-a X-b, reply x-b x-a x-b: {reply.splitlines()}")
    typer.echo(f"HEAD: {_ask(_request('HEAD /head')).splitlines()}")


def _expectation_and_pipelining() -> None:
    upload = _request("POST /sink", "Expect: 100-continue\r\nContent-Length: 3\r\n")
    typer.echo(f"100-continue: {_ask(upload).splitlines()}")
    typer.echo(f"two pipelined: {_ask(_request('GET /a') * 2).count('HTTP/1.1 200')} answers")
    typer.echo(f"half-closed: {_ask(_request('GET /slow'), wait_s=1.5, half_close=True)!r}")


def _disconnect() -> None:
    """Hang up on ``/slow``, then see how long it lasted."""
    with socket.create_connection(("127.0.0.1", _PORT)) as connection:
        connection.sendall(_request("GET /slow"))
        time.sleep(0.2)
    time.sleep(0.1)
    typer.echo(
        f"after hanging up: {_ask(_request('GET /gone')).splitlines()[-1]} noticed in 100 ms"
    )


def _upload(pid: int) -> None:
    before = _rss_bytes(pid)
    peak = before
    with socket.create_connection(("127.0.0.1", _PORT)) as connection:
        connection.sendall(_request("POST /sink", "Transfer-Encoding: chunked\r\n"))
        for _ in range(200):
            connection.sendall(b"%x\r\n%s\r\n" % (_MEGABYTE, b"x" * _MEGABYTE))
            peak = max(peak, _rss_bytes(pid))
        connection.sendall(b"0\r\n\r\n")
        counted = _receive(connection, 2).splitlines()[-1]
    typer.echo(f"upload of {counted} bytes: +{(peak - before) / 1e6:.1f} MB")


def _rss_bytes(pid: int) -> int:
    return sum(each.rss_bytes for each in usage(Part("server", (pid,))).values())


def _drain(pid: int) -> None:
    with socket.create_connection(("127.0.0.1", _PORT)) as connection:
        connection.sendall(_request("GET /slow"))
        time.sleep(0.2)
        psutil.Process(pid).send_signal(signal.SIGTERM)
        reply = _receive(connection, 3)
    typer.echo(f"SIGTERM during a request: {reply.splitlines()[-1:]}")


def main() -> None:
    """Probe one server after the other."""
    for name, command in _SERVERS.items():
        typer.echo(f"\n{name}\n")
        with listening(command(_PORT), _PORT) as pid:
            _targets_and_fields()
            _expectation_and_pipelining()
            _disconnect()
            _upload(pid)
            _drain(pid)


if __name__ == "__main__":
    typer.run(main)

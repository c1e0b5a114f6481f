"""Which server and which client?

``python benchmarks/studies/server_choice/compare.py servers`` (or ``clients``) prints Markdown.
Needs the extra ``study`` of the benchmarks (Granian and httpx).
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from functools import partial
from typing import Annotated

import typer
from servers import aiohttp_web, granian, uvicorn

from qrmiddleware_benchmarks import tables
from qrmiddleware_benchmarks.arms import ArmSpec, Direct
from qrmiddleware_benchmarks.fronts import Arm, Running
from qrmiddleware_benchmarks.generators import generators
from qrmiddleware_benchmarks.load import Target
from qrmiddleware_benchmarks.processes import Part, listening
from qrmiddleware_benchmarks.results import ArmResult, Measurement, slice_result
from qrmiddleware_benchmarks.turns import Course, take_turns
from qrmiddleware_benchmarks.upstreams import Upstream, constant_upstream

_PORT = 9301
_BODY = b'{"query":{"match":{"title":{"query":"toner cartridge"}}},"size":10}'


_COMMANDS: dict[str, Callable[[int], list[str]]] = {
    "uvicorn, our client": partial(uvicorn, "passthrough:ours"),
    "Granian ASGI, our client": partial(granian, "asgi", "passthrough:ours"),
    "Granian RSGI, our client": partial(granian, "rsgi", "passthrough:rsgi"),
    "aiohttp.web, our client": partial(aiohttp_web, "passthrough"),
    "uvicorn, elastic-transport": partial(uvicorn, "passthrough:elastic_transport"),
    "uvicorn, bare aiohttp": partial(uvicorn, "passthrough:bare_aiohttp"),
    "uvicorn, httpx": partial(uvicorn, "passthrough:httpx"),
}


@contextmanager
def _arms(names: Sequence[str], upstream: Upstream) -> Iterator[list[Arm]]:
    request = (
        b"POST /products/_search HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\n"
        b"accept: application/json\r\ncontent-length: %d\r\n\r\n" % len(_BODY)
    ) + _BODY
    with ExitStack() as stack:
        arms = [_arm("direct", upstream.port, request, Running())]
        for port, name in enumerate(names, _PORT + 1):
            pid = stack.enter_context(listening(_COMMANDS[name](port), port))
            arms.append(_arm(name, port, request, Running((Part("server", (pid,)),))))
        yield arms


def _arm(name: str, port: int, request: bytes, running: Running) -> Arm:
    target = Target("127.0.0.1", port, (request,))
    return Arm(name, ArmSpec(front=Direct()), target, lambda: nullcontext(running))


def _run(names: Sequence[str], course: Course) -> None:
    for size_bytes in (4_000, 40_000):
        with (
            constant_upstream(_PORT, size_bytes) as upstream,
            _arms(names, upstream) as arms,
            generators(course.generators, course.connections) as load,
        ):
            lowest_hz = min(load.saturate(arm.target, 2.0) for arm in arms)
            rate_hz = course.rate_hz or lowest_hz / 2
            turns = take_turns(
                arms, upstream.part, course, rate_hz=rate_hz, generators=load, title="servers"
            )
        results = (ArmResult(name, tuple(map(slice_result, own))) for name, own in turns.items())
        measurement = Measurement(upstream.description, rate_hz, 0.0, 0.0, tuple(results))
        typer.echo(f"\nAnswers of {size_bytes} bytes, {rate_hz:.0f} searches/s\n")
        for part in (tables.latencies, tables.comparisons, tables.costs):
            typer.echo("\n".join(part(measurement)) + "\n")


app = typer.Typer()
_Rate = Annotated[float, typer.Option(help="0 for half of the lowest saturation rate.")]


@app.command()
def servers(rounds: int = 20, slice_s: float = 2.0, rate_hz: _Rate = 0) -> None:
    """Compare servers, all with our client."""
    names = [name for name in _COMMANDS if name.endswith("our client")]
    _run(names, Course(rounds=rounds, slice_s=slice_s, rate_hz=rate_hz or None))


@app.command()
def clients(rounds: int = 20, slice_s: float = 2.0, rate_hz: _Rate = 100) -> None:
    """Compare clients, all under uvicorn; httpx saturates early."""
    names = [name for name in _COMMANDS if name.startswith("uvicorn")]
    _run(names, Course(rounds=rounds, slice_s=slice_s, rate_hz=rate_hz or None))


if __name__ == "__main__":
    app()

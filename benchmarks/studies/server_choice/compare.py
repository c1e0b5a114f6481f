"""Which server and which client?

``python benchmarks/studies/server_choice/compare.py servers`` (or ``clients``) prints Markdown.
Needs the extra ``study`` of the benchmarks (Granian and httpx).
"""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Annotated

import typer
from servers import aiohttp_web, granian, uvicorn

from qrmiddleware_benchmarks.load import Target
from qrmiddleware_benchmarks.processes import listening
from qrmiddleware_benchmarks.scenario import Arm, Course, Harvests, take_turns
from qrmiddleware_benchmarks.statistics import compare

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
def _arms(names: Sequence[str], size_bytes: int) -> Iterator[list[Arm]]:
    request = (
        b"POST /products/_search HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\n"
        b"accept: application/json\r\ncontent-length: %d\r\n\r\n" % len(_BODY)
    ) + _BODY
    upstream = [sys.executable, "-m", "qrmiddleware_benchmarks.constant", str(_PORT)]
    with ExitStack() as stack:
        stack.enter_context(listening([*upstream, str(size_bytes)], _PORT))
        arms = [Arm("direct", Target("127.0.0.1", _PORT, (request,)))]
        for port, name in enumerate(names, _PORT + 1):
            pid = stack.enter_context(listening(_COMMANDS[name](port), port))
            arms.append(Arm(name, Target("127.0.0.1", port, (request,)), (pid,)))
        yield arms


def _table(harvests: Harvests) -> Iterator[str]:
    columns = "arm|p50 ms|added at p50|p95 ms|p99 ms|added at p99|saturation /s|CPU µs|RSS MB"
    yield f"| {' | '.join(columns.split('|'))} |"
    yield f"|{'---|' * len(columns.split('|'))}"
    first, *_ = harvests.arms.values()
    base = [each.latencies_ns for each in first.slices]
    for name, harvest in harvests.arms.items():
        rounds_ns = [each.latencies_ns for each in harvest.slices]
        p50, p95, p99 = compare(base, rounds_ns)
        errors = sum(each.errors for each in harvest.slices)
        cells = (
            f"{name} ({errors} errors)" if errors else name,
            f"{p50.latency_ms.value:.2f}",
            f"{p50.added_ms.value:.2f} [{p50.added_ms.low:.2f}, {p50.added_ms.high:.2f}]",
            f"{p95.latency_ms.value:.2f}",
            f"{p99.latency_ms.value:.2f}",
            f"{p99.added_ms.value:.2f} [{p99.added_ms.low:.2f}, {p99.added_ms.high:.2f}]",
            f"{harvest.saturation_hz:.0f}" if harvest.saturation_hz else "",
            f"{harvest.cpu_s / sum(map(len, rounds_ns)) * 1e6:.0f}",
            f"{harvest.rss_bytes / 1e6:.0f}",
        )
        yield f"| {' | '.join(cells)} |"


def _run(names: Sequence[str], course: Course) -> None:
    for size_bytes in (4_000, 40_000):
        with _arms(names, size_bytes) as arms:
            harvests = take_turns(arms, course, partial(typer.echo, err=True))
        typer.echo(f"\nAnswers of {size_bytes} bytes, {harvests.rate_hz:.0f} searches/s\n")
        for line in _table(harvests):
            typer.echo(line)


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

"""``qrm demo``: makes the shop, indexes it, compares, and serves it with its page."""

import asyncio
import signal
import socket
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import ExitStack, asynccontextmanager, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, cast

import aiohttp
import uvicorn
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.prompt import Confirm
from rich.text import Text

from qrmiddleware.config.load import load_settings
from qrmiddleware.config.settings import ListenSettings, Settings
from qrmiddleware.demo import report
from qrmiddleware.demo.catalogue import Product
from qrmiddleware.demo.folder import CONFIG, write_folder
from qrmiddleware.demo.indexing import INDEX, PLAIN, Shop
from qrmiddleware.demo.measures import CUTOFF
from qrmiddleware.demo.reranking import (
    System,
    no_reranking,
    seen_folds,
    usable,
)
from qrmiddleware.demo.rewriting import (
    Chosen,
    gaps_table,
    measure_gaps,
    no_rewriting,
    told_of_training,
    usable_rewriter,
)
from qrmiddleware.demo.site import PATH, DemoSite
from qrmiddleware.demo.stock import Stock, make_stock
from qrmiddleware.errors import ConfigError
from qrmiddleware.proxy.app import ProxyApp
from qrmiddleware.proxy.server import listening_socket, make_service

SHOWN: Final = ("sneakers", "black leather couch", "phone")
EXAMPLES: Final = (
    *SHOWN,
    "settee",
    "electric bike",
    "tv",
    "trianers",
    "red running shoes size 9",
    "cheap laptop",
    "water bottle 1000 ml",
    "nuvorra phone",
    "divan",
)
"""The page's chips; the last one is a word that nobody has taught the pipeline."""


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """What ``qrm demo`` may be told.

    Attributes:
        upstream: URL of a real cluster; empty for the embedded engine.
        host: Address to bind.
        port: Port to bind; 0 takes a free one.
        student: That reranks where a search names no pipeline.
        rewriter: Whose generator rewrites, beside rules and table.
        keep: Folder for catalogue, judgments, rules, students and configuration; it is left behind.
        data: Folder for the embedded engine's data; memory if neither it nor ``keep`` is given.
        once: Print, and end instead of serving.
        yes: Overwrite an index of the demo's name in a real cluster without asking.
    """

    upstream: str = ""
    host: str = "127.0.0.1"
    port: int = 9250
    student: System = "walmart_kd"
    rewriter: Chosen = "none"
    keep: Path | None = None
    data: Path | None = None
    once: bool = False
    yes: bool = False


def run_demo(options: DemoOptions, console: Console | None = None) -> int:
    """Run the demo until it is told to stop.

    Returns:
        The exit code.

    Raises:
        QrmError: If a folder, port, plugin or the engine does not play along.
    """
    console = console or Console()
    listen = ListenSettings(host=options.host, port=options.port)
    with (
        closing(listening_socket(listen)) as listener,
        _folder(options.keep) as folder,
        suppress(KeyboardInterrupt, asyncio.CancelledError),
    ):
        asyncio.run(_demo(options, listener, folder, console))
    return 0


@contextmanager
def _folder(keep: Path | None) -> Iterator[Path]:
    if keep is not None:
        keep.mkdir(parents=True, exist_ok=True)
        yield keep
        return
    with TemporaryDirectory(prefix="qrm-demo-") as name:
        yield Path(name)


async def _demo(
    options: DemoOptions, listener: socket.socket, folder: Path, console: Console
) -> None:
    _stop_on_sigterm()
    stock, students = make_stock(), usable(options.student)
    rewriter = usable_rewriter(options.rewriter)
    config = write_folder(
        folder, stock, upstream=_upstream(options), students=students, rewriter=rewriter
    )
    settings = load_settings(config, flags={"log.level": "warning"})
    async with _serving(settings, listener) as (url, site), aiohttp.ClientSession(url) as session:
        shop = Shop(session)
        engine = await shop.engine() if options.upstream else "the embedded engine"
        await _fill(shop, stock.products, options, console)
        console.print(f"{len(stock.products):,} products of our own making are in {engine}.\n")
        for text in SHOWN:
            await _compare(shop, stock, text, console)
        summary = await _measure(shop, stock, options.student, console, reranks=bool(students))
        await _report_gaps(shop, stock, options.rewriter, console)
        site.publish(
            report.page_data(stock, summary, engine=engine, examples=EXAMPLES, students=students)
        )
        _print_commands(console, url, options, engine)
        if not options.once:
            console.print("Ctrl-C stops the demo.")
            await asyncio.Event().wait()


def _stop_on_sigterm() -> None:
    """End as at Ctrl-C: whatever is under way is cancelled, and tidies up."""
    task = cast("asyncio.Task[None]", asyncio.current_task())
    with suppress(NotImplementedError):  # no such handlers on Windows
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)


def _upstream(options: DemoOptions) -> dict[str, Any]:
    if options.upstream:
        return {"urls": [options.upstream]}
    if options.data is not None:
        return {"embedded": str(options.data.absolute())}
    return {"embedded": "data" if options.keep else True}


@asynccontextmanager
async def _serving(
    settings: Settings, listener: socket.socket
) -> AsyncIterator[tuple[str, DemoSite]]:
    """Serve proxy and page on one port, in this event loop."""
    with ExitStack() as stack:
        service = make_service(settings)
        service.pipelines.startup()
        stack.callback(service.pipelines.shutdown)
        await service.upstream.start()
        site = DemoSite(ProxyApp(service))
        server = _Server(
            uvicorn.Config(
                site,
                http="httptools",
                ws="none",
                lifespan="off",
                interface="asgi3",
                log_config=None,
                access_log=False,
                timeout_graceful_shutdown=1,
            )
        )
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        host, port = listener.getsockname()[:2]
        try:
            yield f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}", site
        finally:
            server.should_exit = True
            await serving
            await service.upstream.close()


class _Server(uvicorn.Server):
    """Leaves signals to asyncio, which cancels the demo wherever it stands."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield


async def _fill(
    shop: Shop, products: Sequence[Product], options: DemoOptions, console: Console
) -> None:
    if await shop.exists():
        if options.upstream and not options.yes:
            _ask_to_overwrite(options.upstream, console)
        await shop.delete()
    await shop.create()
    with _progress(console, "indexing", len(products)) as tick:
        await shop.fill(products, tick)


def _ask_to_overwrite(upstream: str, console: Console) -> None:
    question = f"The index {INDEX} exists at {upstream}. Delete it and make it anew?"
    if not (console.is_terminal and Confirm.ask(question, console=console, default=False)):
        message = f"the index {INDEX} exists at {upstream}; --yes overwrites it"
        raise ConfigError(message)


@contextmanager
def _progress(console: Console, what: str, total: int) -> Iterator[Any]:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(what, total=total)
        yield lambda count: progress.advance(task, count)


async def _compare(shop: Shop, stock: Stock, text: str, console: Console) -> None:
    before = await shop.search(text, size=CUTOFF, pipeline=PLAIN)
    after = await shop.search(text, size=CUTOFF)
    console.print(report.comparison_table(text, before, after, stock.grades(text)))


async def _measure(
    shop: Shop, stock: Stock, student: System, console: Console, *, reranks: bool
) -> report.Summary:
    with _progress(console, "measuring", len(stock.queries)) as tick:
        measured = await report.measure(shop, stock, tick, reranks=reranks)
    summary = report.summarise(measured, seen=seen_folds(student) if reranks else None)
    console.print(report.means_table(summary))
    told = report.told_of_reranking(summary, student) if reranks else no_reranking(student)
    console.print(told, highlight=False)
    console.print()
    return summary


async def _report_gaps(shop: Shop, stock: Stock, chosen: Chosen, console: Console) -> None:
    if chosen == "none":
        return
    if usable_rewriter(chosen) is None:
        console.print(no_rewriting(chosen), highlight=False)
    else:
        console.print(gaps_table(await measure_gaps(shop, stock), chosen))
        console.print(told_of_training(chosen), highlight=False)
    console.print()


def _print_commands(console: Console, url: str, options: DemoOptions, engine: str) -> None:
    text = SHOWN[0]
    console.print("Try it from the shell; ?qrm_pipeline=_none asks the engine alone:\n")
    console.print(Text(report.curl_command(url, text), "cyan"), soft_wrap=True)
    console.print("\nor from Python:\n")
    console.print(Text(report.python_program(url, text, engine=engine), "cyan"), soft_wrap=True)
    if options.keep is not None:
        console.print(f"\nThe shop and all that serves it is in {options.keep}; serve it again:")
        console.print(f"\n  qrm serve --config {options.keep / CONFIG}")
    console.print(f"\nSee both side by side: [bold]{url}{PATH}[/]")
    if options.once:
        console.print("This was --once: the shop is closed again.")

"""``qrm eval index`` and ``qrm eval convert``."""

import asyncio
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Final, TypeAlias
from urllib.parse import urlsplit

import typer
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from qrmiddleware.cli.console import err, out
from qrmiddleware.errors import ConfigError
from qrmiddleware.evaluation.catalogue import CatalogueIndexer, Indexed, IndexPlan
from qrmiddleware.evaluation.client import EngineClient, connect
from qrmiddleware.evaluation.collection import Document
from qrmiddleware.evaluation.formats import (
    FORMATS,
    FileMissingError,
    Source,
    find_format,
    load_catalogue,
    load_judged,
)
from qrmiddleware.evaluation.formats.jsonl import write_catalogue, write_collection
from qrmiddleware.evaluation.mapping import read_index_body, text_fields
from qrmiddleware.upstream.exchange import Upstream

_NAMES: Final = ", ".join(FORMATS)

DataArgument: TypeAlias = Annotated[
    Path, typer.Argument(help="Folder of the data, or one of its files.", show_default=False)
]
FormatOption: TypeAlias = Annotated[
    str,
    typer.Option(
        "--format", "-f", help=f"{_NAMES}. Without it: found by the content.", show_default=False
    ),
]
ChoiceOption: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--option", "-o", metavar="KEY=VALUE", help="An option of the format; repeat for several."
    ),
]

ApiKeyVariableOption: TypeAlias = Annotated[
    str,
    typer.Option(
        "--api-key-env",
        help="Environment variable that holds an API key; or put user:password@ into the URL.",
    ),
]
CaCertsOption: TypeAlias = Annotated[
    str,
    typer.Option("--ca-certs", help="PEM file that vouches for the engine's certificate."),
]


def index(
    path: DataArgument,
    url: Annotated[
        str, typer.Option("--url", "-u", help="The engine, or a proxy in front of it.")
    ] = "http://localhost:9200",
    name: Annotated[str, typer.Option("--index", "-i", help="Name of the index.")] = "products",
    format_name: FormatOption = "",
    option: ChoiceOption = None,
    analyzer: Annotated[
        str, typer.Option(help="Analyzer of the text fields: standard, english, …")
    ] = "standard",
    fields: Annotated[
        str,
        typer.Option(
            help="Text fields, with commas between; other words become keywords. Without it: "
            "all words are text.",
            show_default=False,
        ),
    ] = "",
    mapping: Annotated[
        Path | None,
        typer.Option(
            help="JSON file with the index's settings and mappings, instead of --analyzer and "
            "--fields.",
            show_default=False,
        ),
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Delete an index of that name first.")
    ] = False,
    api_key_env: ApiKeyVariableOption = "",
    ca_certs: CaCertsOption = "",
) -> None:
    """Index a catalogue into an engine.

    Makes an index with one shard, fills it, refreshes it, and merges it to one segment where the
    engine can. Works with Elasticsearch, OpenSearch, and `qrm serve --embedded`.

    Examples:

        qrm eval index ./icecat

        qrm eval index ./wands --url https://elastic:secret@localhost:9200 --ca-certs ca.pem

        qrm eval index ./esci -o locale=es -o products=judged --index esci --analyzer spanish

        qrm eval index ./icecat --fields title,description,brand --analyzer english --replace

        qrm eval index my_products.jsonl.gz -o id=sku --mapping index.json
    """
    if mapping is not None and fields:
        problem = "--fields and --mapping both say what is text: give one of them"
        raise ConfigError(problem)
    plan = IndexPlan(
        name,
        analyzer,
        tuple(field.strip() for field in fields.split(",") if field.strip()),
        None if mapping is None else read_index_body(mapping),
        replace,
    )
    documents = load_catalogue(path, format_name=format_name, options=chosen_options(option))
    upstream = connect(url, api_key=api_key_of(api_key_env), ca_certs=ca_certs)
    engine, done = asyncio.run(_index(upstream, documents, plan))
    out.print(_summary(engine, shown_url(url), plan, done), soft_wrap=True, highlight=False)


async def _index(
    upstream: Upstream, documents: Iterable[Document], plan: IndexPlan
) -> tuple[str, Indexed]:
    await upstream.start()
    try:
        client = EngineClient(upstream)
        engine = await client.name()
        with _counting(f"indexing into {plan.index}") as tick:
            return engine, await CatalogueIndexer(client).index(documents, plan, tick)
    finally:
        await upstream.close()


def _summary(engine: str, url: str, plan: IndexPlan, done: Indexed) -> str:
    rate = done.sent / done.duration_s
    texts = list(text_fields(done.mappings))
    where = f"[bold]{done.count:,}[/] documents are in [bold]{plan.index}[/] at {url} ({engine})"
    how = "" if plan.body else f"; analyzer {plan.analyzer}"
    lines = [
        f"{where}, in {done.duration_s:.1f} s ({rate:,.0f} a second)",
        f"text fields: {', '.join(texts) or 'see the mapping'}{how}",
        "merged to one segment" if done.merged else "not merged: this engine does not offer it",
    ]
    if done.count < done.sent:
        lines.append(f"[yellow]{done.sent - done.count:,} documents came under an id again[/]")
    return "\n".join(lines)


def convert(
    path: DataArgument,
    to: Annotated[Path, typer.Option("--to", help="Folder to write to.", show_default=False)],
    format_name: FormatOption = "",
    option: ChoiceOption = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Overwrite files of an earlier conversion.")
    ] = False,
) -> None:
    """Write judged queries and catalogue in our own format, whatever format they are in.

    Writes `queries.jsonl`, `judgments.tsv`, `gains.json` and `products.jsonl.gz`: what the data
    has of them.

    Examples:

        qrm eval convert ./wands --to ./wands-plain

        qrm eval convert ./esci -o split=test -o products=judged --to ./esci-test

        qrm eval convert ubi_queries_events.ndjson -o min_impressions=50 --to ./clicks
    """
    chosen = chosen_options(option)
    found = find_format(Source(path), format_name)
    if not replace and to.is_dir() and any(to.iterdir()):
        problem = f"{to} is not empty: name another folder with --to, or overwrite with --replace"
        raise ConfigError(problem)
    readers = {_convert_judged: found.judged, _convert_catalogue: found.catalogue}
    writers = [write for write, reader in readers.items() if reader is not None]
    missing: list[FileMissingError] = []
    for write in writers:
        try:
            out.print(write(path, found.name, chosen, to), soft_wrap=True, highlight=False)
        except FileMissingError as error:
            missing.append(error)
    if len(missing) == len(writers):
        raise missing[0]
    for problem_found in missing:
        err.print(f"[yellow]left out:[/] {escape(str(problem_found))}", soft_wrap=True)


def _convert_judged(path: Path, name: str, chosen: dict[str, str], to: Path) -> str:
    judged = load_judged(path, format_name=name, options=chosen)
    write_collection(to, judged)
    pairs = sum(map(len, judged.qrels.values()))
    return (
        f"[bold]{len(judged.queries):,}[/] queries and [bold]{pairs:,}[/] judgments are in {to} "
        f"(format {name})"
    )


def _convert_catalogue(path: Path, name: str, chosen: dict[str, str], to: Path) -> str:
    documents = load_catalogue(path, format_name=name, options=chosen)
    first = next(documents, None)
    count = 0
    with _counting(f"writing to {to}") as tick:
        for _ in write_catalogue(to, _chain(first, documents)):
            count += 1
            tick(1)
    return f"[bold]{count:,}[/] products are in {to} (format {name})"


def _chain(first: Document | None, rest: Iterator[Document]) -> Iterator[Document]:
    if first is not None:
        yield first
        yield from rest


def chosen_options(pairs: Sequence[str] | None) -> dict[str, str]:
    """Read ``key=value`` pairs.

    Raises:
        ConfigError: If one is something else.
    """
    chosen: dict[str, str] = {}
    for pair in pairs or ():
        key, sign, value = pair.partition("=")
        if not sign or not key.strip():
            problem = f"--option takes key=value, not {pair!r}"
            raise ConfigError(problem)
        chosen[key.strip()] = value.strip()
    return chosen


def api_key_of(variable: str) -> str:
    """Return what an environment variable holds; nothing without a variable.

    Raises:
        ConfigError: If it is not set.
    """
    if not variable:
        return ""
    if not os.environ.get(variable):
        problem = f"--api-key-env: the environment has no {variable}"
        raise ConfigError(problem)
    return os.environ[variable]


def shown_url(url: str) -> str:
    """Return a URL without the credentials in it."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


@contextmanager
def _counting(what: str) -> Iterator[Callable[[int], None]]:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:,} documents"),
        TimeElapsedColumn(),
    )
    off = not err.is_terminal
    with Progress(*columns, console=err, transient=True, disable=off) as progress:
        task = progress.add_task(what, total=None)
        yield lambda count: progress.advance(task, count)

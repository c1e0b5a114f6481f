"""``qrm serve``, ``qrm check``, ``qrm config-schema``."""

import asyncio
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.table import Table
from rich.text import Text

from qrmiddleware.cli.console import ConfigOption, UpstreamOption, out, settings_for
from qrmiddleware.config.settings import Settings
from qrmiddleware.errors import UpstreamError
from qrmiddleware.proxy import server
from qrmiddleware.runner.pipelines import Pipelines
from qrmiddleware.runner.upstreams import make_upstream
from qrmiddleware.upstream.exchange import UpstreamRequest

_WANTS: Final = dict.fromkeys(
    (401, 403),
    " — it wants credentials: each client's own are passed on; for those without, set "
    "upstream.username and password, or upstream.api_key",
)


def serve(
    config: ConfigOption = None,
    upstream: UpstreamOption = None,
    embedded: Annotated[
        str | None,
        typer.Option(
            help="Use the embedded engine: a folder for its data, or 'memory'.",
            show_default=False,
        ),
    ] = None,
    host: Annotated[str | None, typer.Option(help="Address to bind.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to bind; 0 takes a free one.")] = None,
    admin_port: Annotated[
        int | None, typer.Option(help="Port of health, metrics and pipelines.")
    ] = None,
    workers: Annotated[int | None, typer.Option(help="Processes that serve the port.")] = None,
) -> None:
    """Serve the proxy until stopped.

    Flags win over the environment, the environment over the file.

    Examples:

        qrm serve --config qrmiddleware.yaml

        qrm serve --upstream http://localhost:9200 --port 9250

        qrm serve --embedded ./data

        QRMIDDLEWARE_UPSTREAM__PASSWORD=… qrm serve -c qrmiddleware.yaml
    """
    settings = settings_for(
        config,
        upstream__urls=upstream,
        upstream__embedded=_embedded(embedded),
        listen__host=host,
        listen__port=port,
        admin__port=admin_port,
        listen__workers=workers,
    )
    server.serve(settings)


def _embedded(folder: str | None) -> bool | str | None:
    return True if folder == "memory" else folder and str(Path(folder).absolute())


def check(
    config: ConfigOption = None,
    upstream: UpstreamOption = None,
    offline: Annotated[bool, typer.Option("--offline", help="Do not ask the upstream.")] = False,
) -> None:
    """Check the configuration, start every plugin, show what it loaded, and ask the upstream.

    Exit code 0 if all is well, 2 if the configuration cannot work, 1 if the upstream does
    not answer.

    Examples:

        qrm check --config qrmiddleware.yaml

        qrm check -c qrmiddleware.yaml --offline
    """
    settings = settings_for(config, upstream__urls=upstream)
    pipelines = Pipelines(settings)
    pipelines.startup()
    table = Table("pipeline", "index", "plugins", "merge", "time", title="Pipelines")
    for pipeline in pipelines:
        names = [member.name for members in pipeline.members.values() for member in members]
        table.add_row(
            pipeline.name,
            " ".join(pipeline.index),
            ", ".join(names) or "none",
            pipeline.options.merge.policy,
            f"{pipeline.timeout_s * 1_000:g} ms",
        )
    out.print(table)
    _print_status(pipelines)
    pipelines.shutdown()
    if not offline:
        try:
            status = asyncio.run(_ask_upstream(settings))
        except UpstreamError as error:
            out.print(f"[red]upstream does not answer:[/] {error}")
            raise typer.Exit(1) from error
        out.print(f"upstream answers: HTTP {status}{_WANTS.get(status, '')}")
    out.print("[green]configuration is fine[/]")


def _print_status(pipelines: Pipelines) -> None:
    """Show what plugins say of themselves; what is zero or empty at a start is left out."""
    table = Table("pipeline", "plugin", "what", "value", title="Plugins")
    for pipeline in pipelines:
        for name in dict.fromkeys(
            member.name for members in pipeline.members.values() for member in members
        ):
            for what, value in _lines(pipeline.hooks.status(name) or {}):
                table.add_row(pipeline.name, name, Text(what), Text(value))
    if table.rows:
        out.print(table)


def _lines(status: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for key, value in status.items():
        if isinstance(value, Mapping):
            yield from _lines(value, f"{prefix}{key}.")
        elif value:
            yield f"{prefix}{key}", f"{value}"


async def _ask_upstream(settings: Settings) -> int:
    upstream = make_upstream(settings.upstream)
    await upstream.start()
    try:
        reply = await upstream.send(UpstreamRequest("GET", "/"))
        await reply.read()
        return reply.status
    finally:
        await upstream.close()


def config_schema() -> None:
    """Print the JSON Schema of the configuration file, for editors."""
    out.print_json(json.dumps(Settings.model_json_schema()))

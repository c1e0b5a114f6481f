"""``qrm serve``, ``qrm check``, ``qrm config-schema``."""

import asyncio
import json
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.table import Table

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
    """Check the configuration, start every plugin, and ask the upstream.

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
    pipelines.shutdown()
    if not offline:
        try:
            status = asyncio.run(_ask_upstream(settings))
        except UpstreamError as error:
            out.print(f"[red]upstream does not answer:[/] {error}")
            raise typer.Exit(1) from error
        out.print(f"upstream answers: HTTP {status}{_WANTS.get(status, '')}")
    out.print("[green]configuration is fine[/]")


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

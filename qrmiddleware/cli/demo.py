"""``qrm demo``."""

from pathlib import Path
from typing import Annotated

import typer

from qrmiddleware.cli.console import out
from qrmiddleware.demo.reranking import System
from qrmiddleware.demo.rewriting import Chosen
from qrmiddleware.demo.run import DemoOptions, run_demo


def demo(
    upstream: Annotated[
        str,
        typer.Option(
            "--upstream", "-u", help="URL of a real cluster, instead of the embedded engine."
        ),
    ] = "",
    host: Annotated[str, typer.Option(help="Address to bind.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to bind; 0 takes a free one.")] = 9250,
    student: Annotated[
        System, typer.Option(help="Student that reranks, by its plugin; the others lie ready.")
    ] = "walmart_kd",
    rewriter: Annotated[
        Chosen, typer.Option(help="Generator that rewrites beside rules and table, by its plugin.")
    ] = "none",
    keep: Annotated[
        Path | None,
        typer.Option(
            help="Leave catalogue, judgments, rules, students and configuration in this folder."
        ),
    ] = None,
    data: Annotated[
        Path | None, typer.Option(help="Folder for the embedded engine's data; else in memory.")
    ] = None,
    once: Annotated[
        bool, typer.Option("--once", help="Print, and end instead of serving.")
    ] = False,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Overwrite the demo's index without asking.")
    ] = False,
) -> None:
    """Show what it does: a shop of our own making, searched without and with a pipeline.

    Makes a catalogue, indexes it, starts the proxy, prints three searches before and after,
    and serves a page that shows both side by side. A student that was trained on this catalogue
    reranks, where its plugin is installed; a search may name another's pipeline, such as
    `?qrm_pipeline=shop_crsd`.

    Examples:

        qrm demo

        qrm demo --once --keep ./demo

        qrm demo --student ellm_rele

        qrm demo --rewriter beque --once

        qrm demo --upstream http://localhost:9200
    """
    options = DemoOptions(
        upstream=upstream,
        host=host,
        port=port,
        student=student,
        rewriter=rewriter,
        keep=keep,
        data=data,
        once=once,
        yes=yes,
    )
    raise typer.Exit(run_demo(options, out))

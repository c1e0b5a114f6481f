"""``qrm embed``."""

import asyncio
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.markup import escape

from qrmiddleware.cli.console import counting, out
from qrmiddleware.cli.evaluate.indexing import (
    ApiKeyVariableOption,
    CaCertsOption,
    api_key_of,
    shown_url,
)
from qrmiddleware.evaluation.client import EngineClient, connect

_MOST_WAITING: Final = 10**9
"""Nobody searches meanwhile: no backlog is too long."""


def embed(
    student: Annotated[Path, typer.Argument(help="Folder of a bi-encoder.", show_default=False)],
    url: Annotated[
        str, typer.Option("--url", "-u", help="The engine: Elasticsearch or OpenSearch.")
    ] = "http://localhost:9200",
    index: Annotated[str, typer.Option("--index", "-i", help="Name of the index.")] = "products",
    field: Annotated[
        str, typer.Option(help="Field for the vectors; mapped if it is not.")
    ] = "embedding",
    fields: Annotated[
        str,
        typer.Option(
            help="Fields that make a document's text, with commas; else those that the student "
            "was trained on."
        ),
    ] = "",
    missing: Annotated[
        bool, typer.Option("--missing", help="Only documents that have no vector yet.")
    ] = False,
    api_key_env: ApiKeyVariableOption = "",
    ca_certs: CaCertsOption = "",
) -> None:
    """Write a student's vectors into an index, for plugins with ``vector_field``.

    Documents keep all their other fields. Run it again when texts have changed, with --missing
    for new documents only. Needs the extra students.

    Examples:

        qrm embed models/towers --index products

        qrm embed models/towers --url https://elastic:secret@localhost:9200 --field vectors.title

        qrm embed models/towers --missing
    """
    # The students' extra is not everybody's, and numpy is slow to load.
    from qrmiddleware.evaluation.embedding import Embedded, Embedder, EmbeddingPlan  # noqa: PLC0415
    from qrmiddleware.students.bi_encoder import BiEncoder  # noqa: PLC0415
    from qrmiddleware.students.settings import RuntimeSettings  # noqa: PLC0415

    upstream = connect(url, api_key=api_key_of(api_key_env), ca_certs=ca_certs)
    opened = BiEncoder.open(student, RuntimeSettings(max_waiting=_MOST_WAITING, cache_bytes=0))
    plan = EmbeddingPlan(
        index,
        field,
        tuple(name.strip() for name in fields.split(",") if name.strip())
        or opened.manifest.inputs.fields,
        opened.width,
        missing,
    )

    async def run() -> Embedded:
        await upstream.start()
        try:
            with counting() as progress:
                task = progress.add_task(f"embedding {index}", total=None)
                return await Embedder(EngineClient(upstream), opened).embed(
                    plan, lambda done, total: progress.update(task, completed=done, total=total)
                )
        finally:
            await upstream.close()

    try:
        done = asyncio.run(run())
    finally:
        opened.close()
    told = f"{done.written:,} documents of {index} at {shown_url(url)} have vectors in {field}"
    if done.without_text:
        told += f"; {done.without_text:,} have no text in {', '.join(plan.text_fields)}"
    out.print(escape(told), highlight=False, soft_wrap=True)

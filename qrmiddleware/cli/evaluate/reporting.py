"""``qrm eval report``, and the options of all commands that report."""

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from qrmiddleware.cli.console import err, out
from qrmiddleware.errors import ConfigError
from qrmiddleware.evaluation.comparison import Evaluation
from qrmiddleware.evaluation.report.markdown import write_markdown
from qrmiddleware.evaluation.report.page import write_html
from qrmiddleware.evaluation.report.saved import read_json, write_json
from qrmiddleware.evaluation.report.terminal import terminal_tables

JsonOption: TypeAlias = Annotated[
    Path | None,
    typer.Option("--json", help="Save everything there, to report or pool it later (.json, .gz)."),
]
HtmlOption: TypeAlias = Annotated[
    Path | None, typer.Option("--html", help="Write the report with plots there.")
]
MarkdownOption: TypeAlias = Annotated[
    Path | None, typer.Option("--markdown", help="Write the report as Markdown there.")
]
MeasureOption: TypeAlias = Annotated[
    str,
    typer.Option(
        "--measure", help="What verdicts, plots and lists of queries go by; else condensed nDCG."
    ),
]


def report(
    saved: Annotated[Path, typer.Argument(help="What `qrm eval run --json` saved.")],
    html: HtmlOption = None,
    markdown: MarkdownOption = None,
    measure: MeasureOption = "",
    count: Annotated[
        int, typer.Option(min=0, help="How many of the best and of the worst queries.")
    ] = 10,
) -> None:
    """Report a saved evaluation again: in the terminal, for a browser, as Markdown.

    Examples:

        qrm eval report rules.json --html rules.html

        qrm eval report rules.json --measure nDCG@10 --markdown rules.md
    """
    show(read_json(saved), html=html, markdown=markdown, measure=measure, count=count)


def show(
    evaluation: Evaluation,
    *,
    json: Path | None = None,
    html: Path | None = None,
    markdown: Path | None = None,
    measure: str = "",
    count: int = 10,
) -> None:
    """Print an evaluation, and write the files that are wished for.

    Raises:
        ConfigError: If the measure was not measured.
    """
    try:
        for shown in terminal_tables(evaluation, measure=measure, count=min(count, 5)):
            out.print(shown)
    except ValueError as error:
        raise ConfigError(str(error)) from error
    if json is not None:
        write_json(evaluation, json)
    if html is not None:
        write_html(evaluation, html, measure=measure, count=count)
    if markdown is not None:
        write_markdown(evaluation, markdown, measure=measure, count=count)
    for path in filter(None, (json, html, markdown)):
        err.print(f"wrote {path}", highlight=False, soft_wrap=True)

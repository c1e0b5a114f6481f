"""Puts ``qrm eval`` together."""

import typer


def build_evaluate_app() -> typer.Typer:
    """Put the sub-commands together."""
    return typer.Typer(
        no_args_is_help=True,
        rich_markup_mode="markdown",
        help=(
            "Measure relevance on judged queries, over HTTP: of this proxy, and of any other "
            "engine that answers `_search`."
        ),
    )

"""``qrm-ray``: offline jobs on Ray."""

import sys
from typing import TYPE_CHECKING

import typer

from qrmiddleware.errors import QrmError
from qrmiddleware.recipes.command_options import say
from qrmiddleware.recipes.rewrite_tables.command import add_build_table

if TYPE_CHECKING:
    from qrmiddleware.recipes.rewrite_tables.building import BuildReport, Watch
    from qrmiddleware.recipes.rewrite_tables.settings import BuildSettings

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="markdown",
    add_completion=False,
    pretty_exceptions_enable=False,
    help=(
        "Offline jobs of `qrm`, shard by shard on Ray: on the cluster that `RAY_ADDRESS` names, "
        "or on all cores of this machine. Files must lie under the same paths everywhere."
    ),
)


@app.callback()
def _about() -> None:
    """Keep the command a sub-command."""


def build(settings: "BuildSettings", watch: "Watch") -> "BuildReport":
    """Build on Ray; errors are those of ``build_on_ray``."""
    from qrmiddleware_ray.building import build_on_ray  # noqa: PLC0415 Ray is slow to load

    return build_on_ray(settings, watch)


add_build_table(app, "qrm-ray", build)


def main() -> None:
    """Run the command; what the user can mend is said in one line, with exit code 2."""
    try:
        app()
    except QrmError as error:
        say(f"error: {error}")
        sys.exit(2)

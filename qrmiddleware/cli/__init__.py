"""The ``qrm`` command: arguments in, exit code out."""

import sys

from qrmiddleware.cli.app import build_app
from qrmiddleware.cli.console import fail
from qrmiddleware.errors import QrmError


def main() -> None:
    """Run the command; what the user can mend is said in one line, with exit code 2."""
    try:
        build_app()()
    except QrmError as error:
        fail(str(error))
        sys.exit(2)


__all__ = ["main"]

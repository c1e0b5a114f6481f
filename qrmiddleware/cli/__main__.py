"""``python -m qrmiddleware.cli``."""

from qrmiddleware.cli import main

main()

"""``qrm demo``."""


def demo() -> None:
    """Show what it does on a shop of our own making."""

"""When two wordings count as one."""

import unicodedata


def normalised(text: str) -> str:
    """Return what two texts share that differ in case, blanks and width only."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())

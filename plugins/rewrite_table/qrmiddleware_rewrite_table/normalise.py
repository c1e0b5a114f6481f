"""The key that a query is filed and looked up under."""

import unicodedata
from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

from qrmiddleware import ConfigError

_ROUNDS: Final = (
    4  # two suffice for every assigned character; a bound, so that no query can hang us
)


def normalise(text: str, *, ignore_punctuation: bool = False) -> str:
    """Reduce a query to what its spellings have in common.

    Unicode NFKC and case folding, runs of white space collapsed to one blank, and, if asked,
    every punctuation character (Unicode category P) read as a blank: ``"  iPhone®15"`` and
    ``"IPHONE®15 "`` share a key. Normalising twice changes nothing. Characters that UTF-8 cannot
    carry (lone surrogates) become ``?``.

    A table records which of ``NORMALISATIONS`` its keys were made with. Change what this
    function returns, and the names there must change too.
    """
    text = text.encode("utf-8", "replace").decode("utf-8")
    for _ in range(_ROUNDS):
        folded = unicodedata.normalize("NFKC", text).casefold()
        if ignore_punctuation:
            folded = "".join(" " if unicodedata.category(c)[0] == "P" else c for c in folded)
        folded = " ".join(folded.split())
        if folded == text:
            break
        text = folded
    return text


NFKC_CASEFOLD: Final = "nfkc-casefold-1"
NFKC_CASEFOLD_NO_PUNCTUATION: Final = "nfkc-casefold-nopunct-1"
NORMALISATIONS: Final[Mapping[str, Callable[[str], str]]] = {
    NFKC_CASEFOLD: normalise,
    NFKC_CASEFOLD_NO_PUNCTUATION: partial(normalise, ignore_punctuation=True),
}


def normaliser(name: str, *, table: str) -> Callable[[str], str]:
    """Find the function that made the keys of ``table``.

    Raises:
        ConfigError: If this version has no normalisation of that name.
    """
    try:
        return NORMALISATIONS[name]
    except KeyError:
        known = ", ".join(NORMALISATIONS)
        message = (
            f"the keys of rewrite table {table} were made with the normalisation {name!r}; this "
            f"version knows {known}. Make the table again with: qrm table import"
        )
        raise ConfigError(message) from None

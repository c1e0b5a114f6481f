"""URL parameters, kept as they came but for those that are taken out."""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote_plus

_USER: Final = re.compile(r"://[^/?#]*@")
_PASSWORD: Final = re.compile(r"://[^/?#\s@]*:[^/?#\s]+@")


@dataclass(frozen=True, slots=True)
class Parameters:
    """A query string in its parts.

    Attributes:
        pairs: Decoded name and raw text of each parameter, in order.
    """

    pairs: tuple[tuple[str, str], ...] = ()

    @classmethod
    def parse(cls, query_string: str) -> "Parameters":
        """Split a query string; undecodable bytes become U+FFFD."""
        parts = query_string.split("&") if query_string else ()
        return cls(tuple((unquote_plus(part.partition("=")[0]), part) for part in parts))

    def get(self, name: str) -> str | None:
        """Return a parameter's decoded value, the last if repeated; ``""`` for a bare flag."""
        for known, part in reversed(self.pairs):
            if known == name:
                return unquote_plus(part.partition("=")[2])
        return None

    def flag(self, name: str) -> bool:
        """Whether a boolean parameter is on; bare counts as on, as in Elasticsearch."""
        value = self.get(name)
        return value is not None and value != "false"

    def any_of(self, names: Iterable[str]) -> bool:
        """Whether one of these parameters is there."""
        present = {name for name, _ in self.pairs}
        return not present.isdisjoint(names)

    def without(self, names: Collection[str]) -> "Parameters":
        """Take some parameters out."""
        return Parameters(tuple(pair for pair in self.pairs if pair[0] not in names))

    def __str__(self) -> str:
        """The query string again, byte for byte if nothing was taken out."""
        return "&".join(part for _, part in self.pairs)


def split_target(target: str) -> tuple[str, str]:
    """Split a request target into raw path and raw query string."""
    path, _, query_string = target.partition("?")
    return path, query_string


def join_target(path: str, parameters: Parameters) -> str:
    """Put a request target together."""
    query_string = str(parameters)
    return f"{path}?{query_string}" if query_string else path


def without_password(url: str) -> str:
    """Return a URL as people may see it: without the user, whose password stands there too."""
    return _USER.sub("://…@", url)


def has_password(text: str) -> bool:
    """Whether a text holds a URL with a password in it."""
    return _PASSWORD.search(text) is not None

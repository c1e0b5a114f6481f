"""Search bodies with the user's text in them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from qrmiddleware.dsl.raw import NotJsonError, read_value, write
from qrmiddleware.errors import ConfigError

PLACEHOLDERS: Final = ("{{query}}", "%SearchText%")
"""Ours, and that of OpenSearch's Search Relevance Workbench."""

MULTI_MATCH_TYPES: Final = (
    "best_fields",
    "most_fields",
    "cross_fields",
    "phrase",
    "phrase_prefix",
    "bool_prefix",
)
_OURS: Final = ("size", "from", "_source")


@dataclass(frozen=True, slots=True)
class SearchTemplate:
    """A search body that waits for a text.

    Attributes:
        body: As read from JSON; the text goes where a placeholder stands in its strings.
        origin: Where it comes from, for people.
    """

    body: Mapping[str, Any]
    origin: str

    def fill(self, text: str, *, depth: int, fetched: Sequence[str] = ()) -> bytes:
        """Return the body of one search.

        Whatever page the template asks for, the first ``depth`` hits are asked for.

        Args:
            text: Of the query.
            depth: How many hits.
            fetched: Which fields of ``_source`` come along.
        """
        filled = _mapped(self.body, lambda string: _put(string, text))
        ours = {"size": depth, "_source": list(fetched) or False}
        return write({key: v for key, v in filled.items() if key not in _OURS} | ours)


def fields_template(
    fields: Sequence[str], *, match_type: str = "best_fields", operator: str = ""
) -> SearchTemplate:
    """Make a ``multi_match`` on some fields.

    Args:
        fields: With their boosts, such as ``title^2``.
        match_type: Of the ``multi_match``.
        operator: ``and``, ``or``, or empty for the engine's own.

    Raises:
        ConfigError: If there is no field, or type or operator is unknown.
    """
    if not fields or not all(field.strip() for field in fields):
        message = "fields: name at least one, such as title^2,description"
        raise ConfigError(message)
    if match_type not in MULTI_MATCH_TYPES:
        message = f"type: {match_type!r} is none of {', '.join(MULTI_MATCH_TYPES)}"
        raise ConfigError(message)
    if operator not in {"", "and", "or"}:
        message = f"operator: {operator!r} is neither 'and' nor 'or'"
        raise ConfigError(message)
    clause: dict[str, Any] = {
        "query": PLACEHOLDERS[0],
        "fields": [field.strip() for field in fields],
        "type": match_type,
    }
    if operator:
        clause["operator"] = operator
    shown = f"multi_match {match_type}{operator and f' {operator}'} on {', '.join(fields)}"
    return SearchTemplate({"query": {"multi_match": clause}}, shown)


def body_template(path: Path) -> SearchTemplate:
    """Read a template from a JSON file.

    Raises:
        ConfigError: If it cannot be read, is no JSON object, or has no place for the text.
    """
    try:
        body = read_value(path.read_bytes())
    except OSError as error:
        message = f"{path}: {error.strerror}"
        raise ConfigError(message) from error
    except NotJsonError as error:
        message = (
            f"{path}: not JSON: {error}; {PLACEHOLDERS[0]} goes inside a string, quotes and all"
        )
        raise ConfigError(message) from error
    if not isinstance(body, dict):
        message = f"{path}: a search body is an object, this is a {type(body).__name__}"
        raise ConfigError(message)
    if not _has_placeholder(body):
        message = (
            f"{path}: no place for the text: write {PLACEHOLDERS[0]} in the string where it goes, "
            'such as {"query": {"match": {"title": "{{query}}"}}}'
        )
        raise ConfigError(message)
    return SearchTemplate(body, str(path))


def _has_placeholder(body: dict[str, Any]) -> bool:
    emptied: dict[str, Any] = _mapped(body, lambda string: _put(string, ""))
    return emptied != body


def _put(string: str, text: str) -> str:
    """Replace placeholders at once: one in the text itself is text."""
    parts = [string]
    for placeholder in PLACEHOLDERS:
        parts = [piece for part in parts for piece in part.split(placeholder)]
    return text.join(parts)


def _mapped(value: Any, change: Callable[[str], str]) -> Any:  # noqa: ANN401 any JSON
    """Change all strings of a JSON value that are not keys."""
    match value:
        case str():
            return change(value)
        case dict():
            return {key: _mapped(inner, change) for key, inner in value.items()}
        case list():
            return [_mapped(inner, change) for inner in value]
        case _:
            return value

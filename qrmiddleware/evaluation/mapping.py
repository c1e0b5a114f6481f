"""What an index for a catalogue looks like, from its first documents."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from qrmiddleware.errors import ConfigError
from qrmiddleware.evaluation.collection import Document

SETTINGS: Final[Mapping[str, Any]] = MappingProxyType(
    {"number_of_shards": 1, "number_of_replicas": 0}
)
"""One shard, so that all documents' scores come from the same statistics."""

_KEYWORD: Final[Mapping[str, Any]] = MappingProxyType({"type": "keyword", "ignore_above": 256})
_STORED: Final[Mapping[str, Any]] = MappingProxyType({"type": "object", "enabled": False})


def index_body(
    sample: Sequence[Document], *, analyzer: str, text_fields: Sequence[str] = ()
) -> dict[str, Any]:
    """Return settings and mappings of an index.

    Text is analyzed, and a keyword as well under ``.keyword``; numbers and booleans are what they
    are; objects are kept but cannot be searched, nor can fields that no document of the sample
    has: catalogues have attributes by the thousand.

    Args:
        sample: The catalogue's first documents.
        analyzer: Of text.
        text_fields: What is text, with dots into objects; other words are keywords then. If
            empty, all words are text.

    Raises:
        ConfigError: If no document of the sample has one of the text fields.
    """
    kinds = _kinds(sample)
    text = {"type": "text", "analyzer": analyzer, "fields": {"keyword": dict(_KEYWORD)}}
    words: Mapping[str, Any] = _KEYWORD if text_fields else text
    properties = {name: _mapped(found, words) for name, found in kinds.items() if found}
    for path in text_fields:
        if not any(_has(document.source, path.split(".")) for document in sample):
            message = (
                f"none of the first {len(sample)} documents has a field {path!r}; they have "
                f"{', '.join(sorted(kinds))}"
            )
            raise ConfigError(message)
        _put(properties, path.split("."), text)
    return {
        "settings": dict(SETTINGS),
        "mappings": {"dynamic": False, "properties": properties},
    }


def read_index_body(file: Path) -> dict[str, Any]:
    """Read the body of an index: ``settings`` and ``mappings``, or mappings alone.

    Raises:
        ConfigError: If it is neither.
    """
    try:
        told = json.loads(file.read_bytes())
    except (OSError, ValueError) as error:
        message = f"{file}: cannot be read as JSON ({error})"
        raise ConfigError(message) from error
    if isinstance(told, dict) and "properties" in told:
        told = {"mappings": told}
    if not isinstance(told, dict) or not isinstance(told.get("mappings"), dict):
        message = f'{file}: expected {{"mappings": …}} or {{"properties": …}}'
        raise ConfigError(message)
    return {"settings": dict(SETTINGS), **told}


def text_fields(mappings: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """Yield the paths of what mappings say is text."""
    for name, field in mappings.get("properties", {}).items():
        if field.get("type") == "text":
            yield prefix + name
        yield from text_fields(field, f"{prefix}{name}.")


def _kinds(sample: Iterable[Document]) -> dict[str, set[type]]:
    """Return which types the values of each field have."""
    kinds: dict[str, set[type]] = {}
    for document in sample:
        for name, value in document.source.items():
            values = value if isinstance(value, list) else [value]
            kinds.setdefault(name, set()).update(type(v) for v in values if v is not None)
    return kinds


def _mapped(kinds: set[type], words: Mapping[str, Any]) -> dict[str, Any]:
    if kinds & {dict, list}:
        return dict(_STORED)
    if kinds == {bool}:
        return {"type": "boolean"}
    if kinds <= {int, float}:
        return {"type": "double" if float in kinds else "long", "ignore_malformed": True}
    return dict(words) if kinds == {str} else dict(_KEYWORD)


def _has(source: object, path: Sequence[str]) -> bool:
    if isinstance(source, list):
        return any(_has(each, path) for each in source)
    if not path:
        return source is not None
    return isinstance(source, Mapping) and _has(source.get(path[0]), path[1:])


def _put(properties: dict[str, Any], path: Sequence[str], field: Mapping[str, Any]) -> None:
    """Map a field, and make the objects that it is in searchable for its sake."""
    for name in path[:-1]:
        inner = properties.get(name, {}).get("properties", {})
        properties[name] = {"type": "object", "dynamic": False, "properties": inner}
        properties = inner
    properties[path[-1]] = dict(field)

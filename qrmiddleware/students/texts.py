"""What a student reads of a document; the same in training and in serving."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any


def text_of(source: Mapping[str, Any], fields: Sequence[str]) -> str:
    """Join what a document says in some of its fields.

    Args:
        source: The document, nested or by dotted paths.
        fields: Names or dotted paths, in the order in which they are read.

    Returns:
        Strings and numbers, and those in lists and in objects of lists, joined by a blank and
        without white space around each; empty where the document has none of the fields.
    """
    found = (value for name in fields for value in _values_at(source, name))
    return " ".join(text for value in found for text in _plain(value) if text)


def value_at(source: Mapping[str, Any], path: str) -> Any:  # noqa: ANN401 what JSON holds
    """Return the value of a field, by its name or its dotted path; ``None`` without one."""
    if path in source:
        return source[path]
    name, dot, rest = path.partition(".")
    inner = source.get(name)
    return value_at(inner, rest) if dot and isinstance(inner, Mapping) else None


def _values_at(source: Mapping[str, Any], path: str) -> Iterator[Any]:
    """Yield the value of a field; through a list of objects, that of each of them."""
    if path in source:
        yield source[path]
        return
    name, dot, rest = path.partition(".")
    inner = source.get(name) if dot else None
    for each in inner if isinstance(inner, list) else [inner]:
        if isinstance(each, Mapping):
            yield from _values_at(each, rest)


def _plain(value: object) -> Iterator[str]:
    match value:
        case bool():
            return
        case str():
            yield value.strip()
        case int() | float():
            yield str(value)
        case list() | tuple():
            for each in value:
                yield from _plain(each)
        case _:
            return

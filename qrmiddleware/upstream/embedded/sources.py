"""What of a document is shown: ``_source`` filtering, ``fields``, and ``filter_path``."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

import msgspec

from qrmiddleware.upstream.embedded.mapping import IndexMapping
from qrmiddleware.upstream.embedded.problems import illegal, unparsable
from qrmiddleware.upstream.embedded.values import Json, from_millis


@dataclass(frozen=True, slots=True)
class SourceFilter:
    """Which part of ``_source`` is shown.

    Attributes:
        shown: Whether any of it is.
        includes: Path patterns; empty for all.
        excludes: Path patterns.
    """

    shown: bool = True
    includes: tuple[str, ...] = ()
    excludes: tuple[str, ...] = ()

    def apply(self, source: bytes) -> Json:
        """The part of a document that is shown, as it was written where that is all of it."""
        if not self.includes and not self.excludes:
            return msgspec.Raw(source)
        kept = _keep(msgspec.json.decode(source), "", self)
        return {} if kept is None else kept


def read_source_filter(asked: Json, includes: Json = None, excludes: Json = None) -> SourceFilter:
    """What ``_source`` in a body, or the parameters of the same name, ask for.

    Raises:
        ApiError: If it is none of the forms that Elasticsearch knows.
    """
    if isinstance(asked, dict):
        for name in asked:
            if name not in {"includes", "include", "excludes", "exclude"}:
                raise unparsable(reason=f"Unknown key for [_source]: [{name}]")
        includes = asked.get("includes", asked.get("include"))
        excludes = asked.get("excludes", asked.get("exclude"))
        return SourceFilter(True, _patterns(includes), _patterns(excludes))
    if str(asked).lower() in {"true", "false"}:
        return SourceFilter(str(asked).lower() == "true", _patterns(includes), _patterns(excludes))
    if asked is None or isinstance(asked, str | list):
        return SourceFilter(True, _patterns(includes or asked), _patterns(excludes))
    raise unparsable(reason=f"Expected one of [BOOLEAN, STRING, ARRAY, OBJECT], found [{asked}]")


def _patterns(asked: Json) -> tuple[str, ...]:
    if asked is None or asked == "":
        return ()
    return tuple(asked.split(",")) if isinstance(asked, str) else tuple(map(str, asked))


def _keep(value: Json, path: str, wanted: SourceFilter) -> Json:
    """The part of a value that is wanted, or ``None`` for nothing of it."""
    if isinstance(value, dict):
        kept = {}
        for key, inner in value.items():
            at = f"{path}.{key}" if path else key
            part = None if _covers(wanted.excludes, at) else _keep(inner, at, wanted)
            if part is not None or (inner is None and _is_included(at, wanted)):
                kept[key] = part
        return kept if kept or not path or (not value and _is_included(path, wanted)) else None
    if isinstance(value, list):
        items = [part for item in value if (part := _keep(item, path, wanted)) is not None]
        return items if items or (not value and _is_included(path, wanted)) else None
    return value if _is_included(path, wanted) else None


def _is_included(path: str, wanted: SourceFilter) -> bool:
    return not wanted.includes or _covers(wanted.includes, path)


def _covers(patterns: Iterable[str], path: str) -> bool:
    return any(fnmatchcase(path, name) or fnmatchcase(path, f"{name}.*") for name in patterns)


def read_field_patterns(asked: Json) -> tuple[str, ...]:
    """The names in ``fields`` or ``docvalue_fields``.

    Raises:
        ApiError: If it is not a list of names or ``{"field": name}``.
    """
    if asked is None:
        return ()
    if not isinstance(asked, list):
        raise unparsable(reason="[fields] must be a list")
    names = [entry.get("field") if isinstance(entry, dict) else entry for entry in asked]
    if not all(isinstance(name, str) for name in names):
        raise unparsable(reason="[fields] must hold field names")
    return tuple(map(str, names))


def show_fields(
    doc_id: str, source: bytes, patterns: Sequence[str], mapping: IndexMapping
) -> dict[str, list[Any]]:
    """The values of fields, by path, flat: what ``fields`` asks for."""
    values, _ = mapping.read(doc_id, msgspec.json.decode(source))
    shown: dict[str, list[Any]] = {}
    for path, found in values.items():
        if any(fnmatchcase(path, pattern) for pattern in patterns):
            is_date = mapping.fields[path].family == "date"
            shown[path] = [from_millis(value) for value in found] if is_date else found
    return shown


def filter_path(answer: Json, patterns: str) -> Json:
    """What ``filter_path`` leaves of an answer: paths with ``*`` and ``**``, ``-`` to exclude."""
    named = [pattern.strip() for pattern in patterns.split(",") if pattern.strip()]
    wanted = [pattern.split(".") for pattern in named if not pattern.startswith("-")]
    unwanted = [pattern[1:].split(".") for pattern in named if pattern.startswith("-")]
    if not named:
        raise illegal(reason="[filter_path] names nothing")
    if wanted:
        answer = _select(answer, wanted)
        answer = {} if answer is _NOTHING else answer
    return _drop(answer, unwanted) if unwanted else answer


_NOTHING = object()


def _step(patterns: Iterable[list[str]], key: str) -> tuple[bool, list[list[str]]]:
    """Whether a pattern ends at ``key``, and what is left of the others below it."""
    ends, below = False, []
    for first, *rest in patterns:
        if first == "**":
            below.append([first, *rest])
            if rest and fnmatchcase(key, rest[0]):
                ends = ends or not rest[1:]
                below += [rest[1:]] if rest[1:] else []
            ends = ends or not rest
        elif fnmatchcase(key, first):
            ends = ends or not rest
            below += [rest] if rest else []
    return ends, below


def _select(value: Json, patterns: list[list[str]]) -> Json:
    if isinstance(value, list):
        items = [part for item in value if (part := _select(item, patterns)) is not _NOTHING]
        return items or _NOTHING
    if isinstance(value, msgspec.Raw):
        return _select(msgspec.json.decode(value), patterns)
    if not isinstance(value, Mapping):
        return _NOTHING
    kept = {}
    for key, inner in value.items():
        ends, below = _step(patterns, key)
        part = inner if ends else _select(inner, below) if below else _NOTHING
        if part is not _NOTHING:
            kept[key] = part
    return kept or _NOTHING


def _drop(value: Json, patterns: list[list[str]]) -> Json:
    if isinstance(value, list):
        return [_drop(item, patterns) for item in value]
    if isinstance(value, msgspec.Raw):
        return _drop(msgspec.json.decode(value), patterns)
    if not isinstance(value, Mapping):
        return value
    kept = {}
    for key, inner in value.items():
        ends, below = _step(patterns, key)
        if not ends:
            kept[key] = _drop(inner, below) if below else inner
    return kept

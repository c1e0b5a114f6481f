"""Mappings: which fields an index has, how new ones are learned, how documents are read."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from qrmiddleware.upstream.embedded.analysis import Analysis
from qrmiddleware.upstream.embedded.problems import (
    ApiError,
    illegal,
    unparsable_document,
    unsupported,
)
from qrmiddleware.upstream.embedded.values import COERCIONS, Json, looks_like_date

FIELD_TYPES: Mapping[str, str] = {
    "text": "text",
    "keyword": "keyword",
    "wildcard": "keyword",
    "long": "integer",
    "integer": "integer",
    "short": "integer",
    "byte": "integer",
    "double": "float",
    "float": "float",
    "half_float": "float",
    "scaled_float": "float",
    "boolean": "boolean",
    "date": "date",
    "object": "object",
}
"""Elasticsearch's field types that can be mapped, and the family that each belongs to."""

FIELD_OPTIONS = frozenset(
    [
        "type",
        "fields",
        "properties",
        "analyzer",
        "search_analyzer",
        "search_quote_analyzer",
        "normalizer",
        "ignore_above",
        "index",
        "null_value",
        "copy_to",
        "ignore_malformed",
        "dynamic",
        "enabled",
        "store",
        "doc_values",
        "norms",
        "fielddata",
        "index_options",
        "eager_global_ordinals",
        "coerce",
        "meta",
        "position_increment_gap",
        "term_vector",
        "scaling_factor",
        "format",
        "locale",
        "index_phrases",
        "split_queries_on_whitespace",
    ]
)
"""Options that a field may carry. Those about storage and speed are taken and mean nothing."""

DATE_FORMATS = frozenset(
    [
        "strict_date_optional_time",
        "date_optional_time",
        "strict_date",
        "date",
        "basic_date_time",
        "epoch_millis",
        "strict_date_time",
        "date_time",
        "strict_date_optional_time_nanos",
        "yyyy",
        "yyyy-MM",
        "yyyy-MM-dd",
        "yyyy/MM/dd",
        "yyyy-MM-dd'T'HH:mm:ss",
        "yyyy-MM-dd'T'HH:mm:ssZ",
    ]
) | {"yyyy-MM-dd HH:mm:ss", "yyyy/MM/dd HH:mm:ss"}
"""Date formats that a mapping may name: spellings of ISO 8601, and milliseconds since 1970."""

MAX_FIELDS = 1000


@dataclass(frozen=True, slots=True)
class Field:
    """One searchable field.

    Attributes:
        path: Its full name, such as ``"title.keyword"``.
        type: Elasticsearch's field type.
        source: The path in documents that its values come from, such as ``"title"``.
        options: What the mapping says about it.
    """

    path: str
    type: str
    source: str
    options: Mapping[str, Any]

    @property
    def family(self) -> str:
        """How its values are handled: ``"text"``, ``"keyword"``, ``"integer"`` …."""
        return FIELD_TYPES[self.type]

    @property
    def analyzer(self) -> str:
        """Name of the index analyzer of a text field."""
        return str(self.options.get("analyzer", "standard"))

    @property
    def search_analyzer(self) -> str:
        """Name of the analyzer that queries are read with."""
        return str(self.options.get("search_analyzer", self.analyzer))

    @property
    def normalizer(self) -> str:
        """Name of a keyword's normalizer, or empty."""
        return str(self.options.get("normalizer", ""))


class IndexMapping:
    """The mapping of one index; grows, never shrinks."""

    def __init__(self, declared: Mapping[str, Any], analysis: Analysis) -> None:
        self.analysis = analysis
        self.options: dict[str, Any] = {}
        self.properties: dict[str, Any] = {}
        self.fields: dict[str, Field] = {}
        self._by_source: dict[str, list[Field]] = {}
        self._objects: dict[str, Mapping[str, Any]] = {}
        self.merge(declared)

    def to_dict(self) -> dict[str, Any]:
        """As ``GET _mapping`` shows it."""
        shown = dict(self.options)
        if self.properties:
            shown["properties"] = self.properties
        return shown

    def merge(self, declared: Mapping[str, Any]) -> None:
        """Add what is new.

        Raises:
            ApiError: If a field changes its type, or is of a type that is not supported.
        """
        options = {key: value for key, value in declared.items() if key != "properties"}
        for key in options:
            if key not in {"dynamic", "date_detection", "numeric_detection", "_source", "_meta"}:
                raise unsupported(what="mapping option", name=key)
        if options.get("numeric_detection") or options.get("_source", {"enabled": True}) not in (
            {"enabled": True},
            {},
        ):
            raise unsupported(what="mapping option", name="numeric_detection, _source")
        merged = _merge_properties(self.properties, declared.get("properties", {}), "")
        fields: dict[str, Field] = {}
        objects: dict[str, Mapping[str, Any]] = {}
        for entry in _walk_properties(merged, ""):
            if isinstance(entry, Field):
                fields[entry.path] = entry
                self._check(entry)
            else:
                objects[entry[0]] = entry[1]
        if len(fields) + len(objects) > MAX_FIELDS:
            raise illegal(reason=f"Limit of total fields [{MAX_FIELDS}] has been exceeded")
        self.options.update(options)
        self.properties, self.fields, self._objects = merged, fields, objects
        by_source: dict[str, list[Field]] = defaultdict(list)
        for field in fields.values():
            by_source[field.source].append(field)
        self._by_source = dict(by_source)

    def _check(self, field: Field) -> None:
        for name in (field.analyzer, field.search_analyzer):
            if field.family == "text" and not self.analysis.has_analyzer(name):
                raise unsupported(what=f"analyzer of field {field.path},", name=name)
        if field.normalizer and not self.analysis.has_normalizer(field.normalizer):
            raise unsupported(what=f"normalizer of field {field.path},", name=field.normalizer)
        for name in str(field.options.get("format", "epoch_millis")).split("||"):
            if field.family == "date" and name not in DATE_FORMATS:
                raise unsupported(what=f"date format of field {field.path},", name=name)

    def read(self, doc_id: str, source: Mapping[str, Any]) -> tuple[dict[str, list[Any]], set[str]]:
        """Read a document, learning the fields that it introduces.

        Returns:
            The values of each field by its path, and the paths that the document has.

        Raises:
            ApiError: If a value is not one that its field can hold.
        """
        leaves: dict[str, list[Any]] = defaultdict(list)
        for path, value in _leaves(source):
            leaves[path].append(value)
        self._learn(leaves)
        self._copy(leaves)
        values: dict[str, list[Any]] = {}
        present: set[str] = set()
        for path, found in leaves.items():
            for field in self._by_source.get(path, ()):
                kept = self._coerce(field, found, doc_id)
                if kept:
                    values[field.path] = kept
                    present.update(_prefixes(field.path))
        return values, present

    def _copy(self, leaves: dict[str, list[Any]]) -> None:
        for path in list(leaves):
            for field in self._by_source.get(path, ()):
                targets = field.options.get("copy_to", ())
                for target in [targets] if isinstance(targets, str) else targets:
                    leaves[target].extend(leaves[path])

    def _coerce(self, field: Field, found: list[Any], doc_id: str) -> list[Any]:
        null_value = field.options.get("null_value")
        limit = field.options.get("ignore_above")
        read = COERCIONS[field.family]
        kept = []
        for raw in found:
            value = null_value if raw is None else raw
            if value is None:
                continue
            try:
                value = read(value)
            except (ValueError, TypeError, OverflowError) as error:
                if field.options.get("ignore_malformed"):
                    continue
                raise _malformed(field, raw, doc_id, str(error)) from error
            if limit is not None and len(value) > int(limit):
                continue
            kept.append(self.analysis.normalize(field.normalizer, value))
        return kept

    def _learn(self, leaves: Mapping[str, list[Any]]) -> None:
        learned: dict[str, Any] = {}
        for path, found in leaves.items():
            if path in self._by_source:
                continue
            example = next((value for value in found if value is not None), None)
            if path in self._objects and example is not None and self._is_enabled(path):
                raise unparsable_document(
                    reason=f"object mapping for [{path}] tried to parse field [{path}] as object, "
                    "but found a concrete value"
                )
            if example is not None and self._may_learn(path):
                _plant(learned, path, self._guess(example))
        if learned:
            self.merge({"properties": learned})

    def _is_enabled(self, path: str) -> bool:
        return all(self._objects.get(at, {}).get("enabled", True) for at in _prefixes(path))

    def _may_learn(self, path: str) -> bool:
        dynamic = self.options.get("dynamic", True)
        *parents, _ = _prefixes(path)
        for parent in parents:
            if parent in self._by_source:
                kind = self._by_source[parent][0].type
                raise unparsable_document(
                    reason=f"failed to parse field [{parent}] of type [{kind}]: found an object"
                )
            dynamic = self._objects.get(parent, {}).get("dynamic", dynamic)
        if not self._is_enabled(path):
            return False
        if str(dynamic).lower() == "strict":
            raise ApiError(
                kind="strict_dynamic_mapping_exception",
                reason=f"mapping set to strict, dynamic introduction of [{path}] within "
                f"[{parents[-1] if parents else '_doc'}] is not allowed",
            )
        return str(dynamic).lower() == "true"

    def _guess(self, example: Json) -> dict[str, Any]:
        if isinstance(example, bool):
            return {"type": "boolean"}
        if isinstance(example, int):
            return {"type": "long"}
        if isinstance(example, float):
            return {"type": "float"}
        if self.options.get("date_detection", True) and looks_like_date(example):
            return {"type": "date"}
        return {"type": "text", "fields": {"keyword": {"type": "keyword", "ignore_above": 256}}}


def _malformed(field: Field, raw: Json, doc_id: str, problem: str) -> ApiError:
    return ApiError(
        kind="document_parsing_exception",
        reason=f"failed to parse field [{field.path}] of type [{field.type}] in document with id "
        f"'{doc_id}'. Preview of field's value: '{str(raw)[:100]}'",
        caused_by={"type": "illegal_argument_exception", "reason": problem},
    )


def _prefixes(path: str) -> Iterator[str]:
    at = path.find(".")
    while at >= 0:
        yield path[:at]
        at = path.find(".", at + 1)
    yield path


def _leaves(source: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in source.items():
        if not key.strip(". ") or ".." in key:
            raise unparsable_document(reason=f"field name cannot contain only whitespace: [{key}]")
        yield from _leaves_of(prefix + key, value)


def _leaves_of(path: str, value: Json) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        yield from _leaves(value, path + ".")
    elif isinstance(value, list):
        for item in value:
            yield from _leaves_of(path, item)
    else:
        yield path, value


def _plant(properties: dict[str, Any], path: str, mapped: dict[str, Any]) -> None:
    *parents, name = path.split(".")
    for parent in parents:
        properties = properties.setdefault(parent, {}).setdefault("properties", {})
    properties[name] = mapped


def _merge_properties(
    known: Mapping[str, Any], added: Mapping[str, Any], prefix: str
) -> dict[str, Any]:
    merged = dict(known)
    for name, mapped in added.items():
        if not isinstance(mapped, dict):
            reason = f"Expected map for property [fields] on field [{name}]"
            raise ApiError(kind="mapper_parsing_exception", reason=reason)
        head, _, rest = name.partition(".")
        if rest:
            mapped, name = {"properties": {rest: mapped}}, head  # noqa: PLW2901 - one level at a time
        merged[name] = _merge_field(merged.get(name), mapped, prefix + name)
    return merged


def _merge_field(known: Mapping[str, Any] | None, added: dict[str, Any], path: str) -> Json:
    kind = _type_of(added)
    if kind not in FIELD_TYPES:
        raise unsupported(what=f"type of field {path},", name=kind)
    for option in added:
        if option not in FIELD_OPTIONS:
            raise unsupported(what=f"option of field {path},", name=option)
    if known is not None:
        _check_unchanged(known, added, path)
    merged = {**(known or {}), **added}
    for nested in ("properties", "fields"):
        if nested in merged:
            before = (known or {}).get(nested, {})
            merged[nested] = _merge_properties(before, added.get(nested, {}), path + ".")
    return merged


def _check_unchanged(known: Mapping[str, Any], added: Mapping[str, Any], path: str) -> None:
    before, after = _type_of(known), _type_of(added)
    if before != after:
        raise illegal(reason=f"mapper [{path}] cannot be changed from type [{before}] to [{after}]")
    for option in ("analyzer", "normalizer"):
        old, new = known.get(option), added.get(option, known.get(option))
        if old != new:
            raise illegal(
                reason=f"Mapper for [{path}] conflicts with existing mapper: "
                f"Cannot update parameter [{option}] from [{old or 'default'}] to [{new}]"
            )


def _type_of(mapped: Mapping[str, Any]) -> str:
    return str(mapped.get("type", "object"))


def _walk_properties(
    properties: Mapping[str, Any], prefix: str
) -> Iterator[Field | tuple[str, Mapping[str, Any]]]:
    for name, mapped in properties.items():
        path = prefix + name
        kind = _type_of(mapped)
        if kind == "object":
            yield path, mapped
            yield from _walk_properties(mapped.get("properties", {}), path + ".")
            continue
        yield Field(path, kind, path, mapped)
        for child, options in mapped.get("fields", {}).items():
            yield Field(f"{path}.{child}", _type_of(options), path, options)

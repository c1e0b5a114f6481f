"""``_search`` bodies: found to be ours or not, and written again with another query."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeGuard

from msgspec import Raw

from qrmiddleware.dsl.bounds import MAX_LEAVES, MAX_NUMBER, read_clause
from qrmiddleware.dsl.freedom import why_ordered, why_single
from qrmiddleware.dsl.merge import Slots
from qrmiddleware.dsl.raw import (
    Json,
    NotJsonError,
    RawObject,
    raw,
    read_object,
    read_strictly,
    read_value,
    write,
)
from qrmiddleware.dsl.text import TextLeaf, same_words, text_leaves
from qrmiddleware.dsl.uri import Parameters
from qrmiddleware.model import Query

MAX_TEXT: Final = 1_000
"""Longest text, in characters, that is worth rewriting; longer ones are pasted documents."""

_URI_QUERY: Final = {
    "df": "default_field",
    "default_operator": "default_operator",
    "analyzer": "analyzer",
    "analyze_wildcard": "analyze_wildcard",
    "lenient": "lenient",
}
"""URL parameters that go with ``q``, and their names in ``query_string``."""

_BODY_PARAMETERS: Final = frozenset(
    {"q", "source", "source_content_type", "track_total_hits", *_URI_QUERY}
)
_PAGE_PARAMETERS: Final = frozenset({"from", "size"})
_SOURCE_PARAMETERS: Final = frozenset(
    {"_source", "_source_includes", "_source_excludes", "stored_fields"}
)
_OWN_FORM_KEYS: Final = ("docvalue_fields", "stored_fields", "script_fields")
"""Keys that bring values under a hit's ``fields`` that ``fields`` would spell otherwise."""
_FETCHED_KEYS: Final = ("fields", *_OWN_FORM_KEYS)


@dataclass(frozen=True, slots=True)
class Controls:
    """What one request asks of the pipeline, from ``ext.qrm``, headers or URL parameters.

    Attributes:
        pipeline: Its name; ``None`` for the one of the index.
        debug: Whether debug output is shown.
        debug_refused: Why it is not although it was asked for; empty if it was not refused.
        query_text: The user's text.
        timeout_ms: Time for plugins.
    """

    pipeline: str | None = None
    debug: bool = False
    debug_refused: str = ""
    query_text: str | None = None
    timeout_ms: float | None = None


@dataclass(frozen=True, slots=True)
class Body:
    """A search body, one level deep.

    Attributes:
        sent: What is sent upstream if the pipeline leaves the search alone: the bytes
            that came, without ``ext.qrm``.
        tree: The same by key.
        controls: What ``ext.qrm`` said.
    """

    sent: bytes
    tree: RawObject = field(default_factory=dict)
    controls: Controls = Controls()


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """A search with a text in it.

    Attributes:
        query: The user's text.
        tree: The body by key.
        parameters: Of the URL.
        slots: The ``query`` clause, and where in it the text sits.
        offset: Hits to skip.
        size: Hits wanted.
        keeps_order: Why the order must stay the engine's; empty if it may be reranked.
        single_trip: Why it must stay one search; empty if rankings may be fused.
    """

    query: Query
    tree: RawObject
    parameters: Parameters
    slots: Slots
    offset: int = 0
    size: int = 10
    keeps_order: str = ""
    single_trip: str = ""

    @property
    def whole_source(self) -> bool:
        """Whether hits come with their whole ``_source``."""
        source = self.tree.get("_source")
        return (
            (source is None or bytes(source) == b"true")
            and "stored_fields" not in self.tree
            and not self.parameters.any_of(_SOURCE_PARAMETERS)
        )

    @property
    def no_source(self) -> bool:
        """Whether hits come without ``_source`` because ``stored_fields`` names others only."""
        stored = _field_patterns(self, ("stored_fields",))
        return bool(
            ("stored_fields" in self.tree or self.parameters.get("stored_fields") is not None)
            and "_source" not in stored
            and "_source" not in self.tree
            and not self.parameters.any_of(_SOURCE_PARAMETERS - {"stored_fields"})
        )


@dataclass(frozen=True, slots=True)
class Untouched:
    """A search that is none of our business; ``reason`` says why."""

    reason: str


def read_body(data: bytes) -> Body:
    """Read a search body one level deep, and take ``ext.qrm`` out.

    Raises:
        NotJsonError: If it is not a JSON object, or says a key twice; the engine will say so
            itself.
    """
    if not data.strip():
        return Body(data)
    tree: RawObject = read_strictly(read_object, data)
    if "ext" not in tree:
        return Body(data, tree)
    sections: RawObject = read_strictly(read_object, tree["ext"])
    if "qrm" not in sections:
        return Body(data, tree)
    controls = _controls(read_value(sections.pop("qrm")))
    if sections:
        tree["ext"] = raw(sections)
    else:
        del tree["ext"]
    return Body(write(tree), tree, controls)


def _controls(section: Json) -> Controls:
    if not isinstance(section, dict):
        return Controls()
    text, pipeline, timeout = (section.get(k) for k in ("query_text", "pipeline", "timeout_ms"))
    return Controls(
        pipeline=pipeline if isinstance(pipeline, str) else None,
        debug=section.get("debug") is True,
        query_text=text if isinstance(text, str) else None,
        timeout_ms=float(timeout) if _is_timeout(timeout) else None,
    )


def _is_timeout(value: Json) -> TypeGuard[float]:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and 0 < value < 1e9  # noqa: PLR2004 a bound far above any deadline


def parse_search(
    tree: RawObject,
    parameters: Parameters,
    *,
    query_id: str = "",
    index: str = "",
    given_text: str | None = None,
    text_paths: Sequence[str] = (),
) -> SearchRequest | Untouched:
    """Find the user's text in a search.

    Args:
        tree: The body by key.
        parameters: Of the URL; ``q``, ``from``, ``size`` and ``sort`` win over the body's.
        query_id: The request's id.
        index: The index expression of the URL.
        given_text: The text, if the client said it outright.
        text_paths: Dotted paths into the body where the text is looked for first.
    """
    try:
        clause = _query_clause(tree, parameters)
        offset, size = (_number(tree, parameters, key) for key in ("from", "size"))
        counted = _counted(tree, parameters)
        hint = _ubi_query(tree) or _at_paths(tree, text_paths)
        keeps_order = why_ordered(tree, parameters, size)
        single_trip = why_single(tree, parameters) or keeps_order
        for key in tree.keys() & _FETCHED_KEYS:
            read_value(tree[key])  # which the pipeline does later, when there is no way back
    except NotJsonError as error:
        return Untouched(f"not a search body: {error}")
    found = _find_text(clause, given_text, hint)
    if isinstance(found, Untouched):
        return found
    text, leaves = found
    return SearchRequest(
        query=Query(text, query_id, index),
        tree={**tree, **counted},
        parameters=parameters,
        slots=Slots(clause, leaves),
        offset=0 if offset is None else offset,
        size=10 if size is None else size,
        keeps_order=keeps_order,
        single_trip=single_trip,
    )


def render_search(
    request: SearchRequest,
    query: Json,
    *,
    offset: int | None = None,
    size: int | None = None,
    fields: Sequence[str] = (),
    extra: Mapping[str, Json] | None = None,
    without: Sequence[str] = (),
) -> bytes:
    """Write a body with another query; what is not named here leaves as it came.

    Args:
        request: The client's search.
        query: The clause to ask.
        offset: Hits to skip, if not as the client said.
        size: Hits to return, if not as the client said.
        fields: Fields to fetch beside what the client asked for.
        extra: Keys to add or to exchange.
        without: Keys to leave out.
    """
    tree = {key: value for key, value in request.tree.items() if key not in without}
    tree["query"] = raw(query)
    if offset is not None:
        tree["from"] = raw(offset)
    if size is not None:
        tree["size"] = raw(size)
    if fields:
        asked = read_value(tree["fields"]) if "fields" in tree else []
        if isinstance(asked, list):  # else the engine will say that it is none
            tree["fields"] = raw([*fields, *asked])  # of two formats, the last one counts
        if request.no_source:  # with fields, Elasticsearch 9.2 would bring it
            tree.setdefault("_source", raw(False))
    for key, value in (extra or {}).items():
        tree[key] = raw(value)
    return write(tree)


def rendered_parameters(request: SearchRequest, *, paged: bool) -> Parameters:
    """Return the URL parameters that go with a rendered body.

    Args:
        request: The client's search.
        paged: Whether the body says ``from`` and ``size``, which the URL's would override.
    """
    moved = _BODY_PARAMETERS | _PAGE_PARAMETERS if paged else _BODY_PARAMETERS
    return request.parameters.without(moved)


def client_field_patterns(request: SearchRequest) -> tuple[str, ...]:
    """Return the patterns of all that the client wants under a hit's ``fields``."""
    return _field_patterns(request, _FETCHED_KEYS)


def own_form_patterns(request: SearchRequest) -> tuple[str, ...]:
    """Return the patterns of what the client wants there in a form of its own.

    Of metadata there is none: ``stored_fields: [_id]`` is a way to want no more.
    """
    patterns = _field_patterns(request, _OWN_FORM_KEYS)
    return tuple(pattern for pattern in patterns if not pattern.startswith("_"))


def _field_patterns(request: SearchRequest, keys: Sequence[str]) -> tuple[str, ...]:
    patterns: list[str] = []
    for key in keys:
        if key in request.tree:
            asked = read_value(request.tree[key])
            for item in asked if isinstance(asked, list | dict) else [asked]:
                name = item.get("field") if isinstance(item, dict) else item
                patterns.append(str(name))
        patterns.extend((request.parameters.get(key) or "").split(","))
    return tuple(pattern for pattern in patterns if pattern)


def _query_clause(tree: RawObject, parameters: Parameters) -> Json:
    uri_text = parameters.get("q")
    if uri_text is None:
        return read_strictly(read_clause, tree["query"]) if "query" in tree else None
    options = {
        name: value
        for parameter, name in _URI_QUERY.items()
        if (value := parameters.get(parameter)) is not None
    }
    return {"query_string": {"query": uri_text, **options}}


def _number(tree: RawObject, parameters: Parameters, key: str) -> int | None:
    value = parameters.get(key)
    if value is None and key in tree:
        value = read_value(tree[key])
    if value is None:
        return None
    try:
        number = int(value)
    except (TypeError, ValueError, OverflowError) as error:
        problem = f"[{key}] is not a number"
        raise NotJsonError(problem) from error
    if not 0 <= number <= MAX_NUMBER:
        problem = f"[{key}] is {'negative' if number < 0 else 'too large'}"
        raise NotJsonError(problem)
    return number


def _counted(tree: RawObject, parameters: Parameters) -> RawObject:
    """Return ``track_total_hits`` as a part of the body; nothing if it is not said anywhere."""
    said = parameters.get("track_total_hits")
    if said is not None:
        tree = {"track_total_hits": Raw((said or "true").encode())}
    elif "track_total_hits" not in tree:
        return {}
    value = read_value(tree["track_total_hits"])
    if not isinstance(value, int):
        problem = "[track_total_hits] is neither a number nor true or false"
        raise NotJsonError(problem)
    return {"track_total_hits": tree["track_total_hits"]}


def _ubi_query(tree: RawObject) -> str | None:
    if "ext" not in tree:
        return None
    section = read_value(tree["ext"])
    ubi = section.get("ubi") if isinstance(section, dict) else None
    text = ubi.get("user_query") if isinstance(ubi, dict) else None
    return text if isinstance(text, str) and text else None


def _at_paths(tree: RawObject, paths: Sequence[str]) -> str | None:
    for path in paths:
        first, *rest = path.split(".")
        node: Json = read_value(tree[first]) if first in tree else None
        for step in rest:
            if isinstance(node, list) and step.isdecimal() and int(step) < len(node):
                node = node[int(step)]
            else:
                node = node.get(step) if isinstance(node, dict) else None
        if isinstance(node, str) and node:
            return node
    return None


def _find_text(
    clause: Json, given: str | None, hint: str | None
) -> tuple[str, tuple[TextLeaf, ...]] | Untouched:
    """Find the leaves that carry the text; a hint that no leaf carries is passed over."""
    every = tuple(text_leaves(clause))
    hinted = tuple(leaf for leaf in every if hint is not None and same_words(leaf.text, hint))
    leaves = hinted or every
    if given is not None:
        leaves = tuple(leaf for leaf in every if same_words(leaf.text, given))
    if not leaves:
        found = "the given text" if given is not None else "text"
        return Untouched(f"no clause in scoring position carries {found}")
    if len(leaves) > MAX_LEAVES:
        return Untouched(f"the text stands in more than {MAX_LEAVES} clauses")
    if any(not same_words(leaf.text, leaves[0].text) for leaf in leaves):
        return Untouched("clauses carry different texts")
    if any(leaf.has_operators for leaf in leaves):
        return Untouched("the text uses query operators")
    return _worth_rewriting(given or leaves[0].text, leaves)


def _worth_rewriting(
    text: str, leaves: tuple[TextLeaf, ...]
) -> tuple[str, tuple[TextLeaf, ...]] | Untouched:
    if not text.strip():
        return Untouched("the text is empty")
    if len(text) > MAX_TEXT:
        return Untouched(f"the text is longer than {MAX_TEXT} characters")
    return text, leaves

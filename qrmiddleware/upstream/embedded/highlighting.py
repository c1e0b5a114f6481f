"""``highlight``: the places in a document's text where the words of a query stand."""

import html
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import pairwise
from typing import Any

import msgspec

from qrmiddleware.upstream.embedded.mapping import Field
from qrmiddleware.upstream.embedded.problems import unparsable, unsupported
from qrmiddleware.upstream.embedded.queries.context import read_number
from qrmiddleware.upstream.embedded.values import Json
from qrmiddleware.upstream.embedded.view import View

_OPTIONS = frozenset(
    (
        "boundary_scanner", "encoder", "fields", "force_source", "fragment_size", "fragmenter",
        "max_analyzed_offset", "no_match_size", "number_of_fragments", "order", "post_tags",
        "pre_tags", "require_field_match", "tags_schema", "type",
    )
)  # fmt: skip
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|\n+")


@dataclass(frozen=True, slots=True)
class Style:
    """How one field is highlighted."""

    before: str = "<em>"
    after: str = "</em>"
    fragment_size: int = 100
    fragments: int = 5
    no_match_size: int = 0
    by_score: bool = False
    own_terms: bool = True
    escape: bool = False


def read_highlight(asked: Json) -> list[tuple[str, Style]]:
    """Read ``highlight``: patterns of field names, each with its style.

    Raises:
        ApiError: If it is malformed or asks for what is not supported.
    """
    if not isinstance(asked, dict):
        raise unparsable(reason="[highlight] must be an object")
    named = asked.get("fields", {})
    entries = named if isinstance(named, list) else [named]
    found = []
    for entry in entries:
        for pattern, options in entry.items():
            found.append((pattern, _read_style({**asked, **(options or {})})))
    return found


def _read_style(options: Mapping[str, Any]) -> Style:
    for name in options:
        if name not in _OPTIONS:
            raise unsupported(what="highlight option", name=name)
    if options.get("type") not in {None, "unified", "plain"}:
        raise unsupported(what="highlighter", name=str(options["type"]))
    return Style(
        before=_first(options.get("pre_tags"), "<em>"),
        after=_first(options.get("post_tags"), "</em>"),
        fragment_size=int(read_number(options.get("fragment_size", 100), "fragment_size")),
        fragments=int(read_number(options.get("number_of_fragments", 5), "number_of_fragments")),
        no_match_size=int(read_number(options.get("no_match_size", 0), "no_match_size")),
        by_score=options.get("order") == "score",
        own_terms=bool(options.get("require_field_match", True)),
        escape=options.get("encoder") == "html",
    )


def _first(tags: Json, default: str) -> str:
    return str(tags[0]) if isinstance(tags, list) and tags else str(tags or default)


def highlight(
    source: bytes,
    asked: list[tuple[str, Style]],
    terms: Mapping[str, Collection[str]],
    view: View,
) -> dict[str, list[str]]:
    """Highlight one document.

    Args:
        source: The document.
        asked: Patterns of field names with their styles.
        terms: The terms that were searched for, by field.
        view: Its index.

    Returns:
        The fragments of each field that has any.
    """
    document = msgspec.json.decode(source)
    found: dict[str, list[str]] = {}
    for pattern, style in asked:
        for path, field in view.mapping.fields.items():
            if not fnmatchcase(path, pattern) or field.family not in {"text", "keyword"}:
                continue
            own = terms.get(path, ())
            wanted = own if style.own_terms else {term for each in terms.values() for term in each}
            fragments = _highlight_field(_texts(document, field.source), field, wanted, style, view)
            if fragments:
                found[path] = fragments
    return found


def _texts(document: Json, path: str) -> list[str]:
    if isinstance(document, list):
        return [text for item in document for text in _texts(item, path)]
    if not isinstance(document, dict):
        return []
    if path in document:
        value = document[path]
        many = value if isinstance(value, list) else [value]
        return [item for item in many if isinstance(item, str)]
    head, _, rest = path.partition(".")
    return _texts(document.get(head), rest) if rest else []


def _highlight_field(
    texts: list[str], field: Field, terms: Collection[str], style: Style, view: View
) -> list[str]:
    analyzer = field.analyzer if field.family == "text" else "keyword"
    found: list[tuple[int, str]] = []
    for text in texts:
        tokens = view.mapping.analysis.analyzer(analyzer).pre_tokenize(text).tokens
        spans = [
            (token.char_offset_from, token.char_offset_to or token.char_offset_from)
            for token in tokens
            if token.text in terms
        ]
        if spans and style.fragments == 0:
            found.append((len(spans), _mark(text, 0, len(text), spans, style)))
        elif spans:
            found += _fragments(text, spans, style)
    if not found and style.no_match_size and texts:
        return [texts[0][: style.no_match_size]]
    if style.by_score:
        found.sort(key=lambda fragment: -fragment[0])
    return [text for _, text in found][: style.fragments or None]


def _fragments(text: str, spans: list[tuple[int, int]], style: Style) -> list[tuple[int, str]]:
    """Passages of whole sentences, each up to about the fragment size, that hold a match."""
    ends = [0, *(found.end() for found in _SENTENCE_END.finditer(text)), len(text)]
    passages: list[tuple[int, int]] = []
    for start, end in pairwise(sorted(set(ends))):
        if passages and end - passages[-1][0] <= style.fragment_size:
            passages[-1] = (passages[-1][0], end)
        else:
            passages += _cut(text, start, end, style.fragment_size)
    found = []
    for start, end in passages:
        inside = [span for span in spans if start <= span[0] < end]
        if inside:
            found.append((len(inside), _mark(text, start, end, inside, style).strip()))
    return found


def _cut(text: str, start: int, end: int, size: int) -> list[tuple[int, int]]:
    """A sentence in passages of about the size, cut between words."""
    passages = []
    while 0 < size < end - start:
        border = text.find(" ", start + size, end)
        if border < 0:
            break
        passages.append((start, border + 1))
        start = border + 1
    return [*passages, (start, end)] if end > start else passages


def _mark(text: str, start: int, end: int, spans: list[tuple[int, int]], style: Style) -> str:
    show = html.escape if style.escape else str
    parts = []
    at = start
    for begin, finish in sorted(set(spans)):
        if begin >= at:
            parts += [show(text[at:begin]), style.before, show(text[begin:finish]), style.after]
            at = finish
    return "".join([*parts, show(text[at:end])])

"""Where in a query clause the user's text sits, and how another text is put in its place."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from qrmiddleware.dsl.raw import Json

Path: TypeAlias = tuple[str | int, ...]
"""Keys and positions from the root of the ``query`` clause."""

_SCORING_CHILDREN: Final[Mapping[str, tuple[str, ...]]] = {
    "bool": ("must", "should"),
    "dis_max": ("queries",),
    "function_score": ("query",),
    "script_score": ("query",),
    "constant_score": ("filter",),
    "nested": ("query",),
    "boosting": ("positive",),
    "pinned": ("organic",),
}
"""Compound clauses, and the keys under which their scoring clauses stand."""

_FIELD_LEAVES: Final = frozenset(
    {"match", "match_phrase", "match_bool_prefix", "match_phrase_prefix"}
)
_MULTI_FIELD_LEAVES: Final = frozenset(
    {"multi_match", "combined_fields", "simple_query_string", "query_string"}
)
_OPERATORS: Final = {
    "query_string": re.compile(r'[+=&|><!(){}\[\]^"~*?:\\/]|(?:^|\s)-|\b(?:AND|OR|NOT)\b'),
    "simple_query_string": re.compile(r'[+|"*()~\\]|(?:^|\s)-'),
}
_MARKUP: Final = re.compile(r'([+\-=&|!(){}\[\]^"~*?:\\/])')
_UNESCAPABLE: Final = re.compile(r"[<>]")
_WORD_OPERATORS: Final = re.compile(r"\b(AND|OR|NOT)\b")
_MAX_DEPTH: Final = 64

MARKS: Final = ("_name", "inner_hits")
"""Keys that may stand in a query only once, so that copies of a clause go without."""


@dataclass(frozen=True, slots=True)
class TextLeaf:
    """A leaf clause in scoring position that carries a text.

    Attributes:
        kind: The clause's type, such as ``"multi_match"``.
        text: What it carries.
        path: Where the text itself stands.
        clauses: Where the clauses around it stand, outermost first, the leaf itself last.
    """

    kind: str
    text: str
    path: Path
    clauses: tuple[Path, ...]

    @property
    def has_operators(self) -> bool:
        """Whether the text is in a query language, and makes use of it."""
        operators = _OPERATORS.get(self.kind)
        return operators is not None and operators.search(self.text) is not None


def text_leaves(query: object) -> Iterator[TextLeaf]:
    """Find every text in scoring position, in document order."""
    yield from _leaves(query, (), ())


def _leaves(clause: object, path: Path, above: tuple[Path, ...]) -> Iterator[TextLeaf]:
    if not isinstance(clause, dict) or len(clause) != 1 or len(above) > _MAX_DEPTH:
        return
    ((kind, body),) = clause.items()
    if not isinstance(body, dict):
        return
    clauses = (*above, path)
    if kind in _FIELD_LEAVES or kind in _MULTI_FIELD_LEAVES:
        found = _text_of(kind, body)
        if found is not None:
            text, inner = found
            yield TextLeaf(kind, text, (*path, kind, *inner), clauses)
        return
    for key in _SCORING_CHILDREN.get(kind, ()):
        child = body.get(key)
        if isinstance(child, list):
            for position, item in enumerate(child):
                yield from _leaves(item, (*path, kind, key, position), clauses)
        else:
            yield from _leaves(child, (*path, kind, key), clauses)


def _text_of(kind: str, body: dict[str, Json]) -> tuple[str, Path] | None:
    """Return the text in a leaf's body, and the path to it from there."""
    if kind in _MULTI_FIELD_LEAVES:
        text = body.get("query")
        return (text, ("query",)) if isinstance(text, str) else None
    if len(body) != 1:
        return None
    ((field, value),) = body.items()
    if field in MARKS:
        return None  # a field of that name: copies of the clause would lose it
    if isinstance(value, str):
        return value, (field,)
    if isinstance(value, dict) and isinstance(value.get("query"), str):
        return value["query"], (field, "query")
    return None


def common_clause(leaves: Sequence[TextLeaf]) -> Path:
    """Return where the smallest clause stands that holds all of ``leaves``."""
    shared = set(leaves[0].clauses).intersection(*(leaf.clauses for leaf in leaves[1:]))
    return max(shared, key=len)


def plain_clause(query: Json, path: Path) -> Path:
    """Return the smallest clause around ``path`` whose score and documents are the root's own.

    Inside ``nested`` a clause sees other documents, inside ``constant_score`` its score is
    lost: there the compound clause itself is the answer.
    """
    node = query
    for length, step in enumerate(path):
        if step in ("nested", "constant_score") and isinstance(node, dict) and len(node) == 1:
            return path[:length]
        node = node[step]
    return path


def get_at(tree: Json, path: Path) -> Json:
    """Return the part of a tree at ``path``."""
    for step in path:
        tree = tree[step]
    return tree


def with_part(tree: Json, path: Path, part: object) -> Json:
    """Return a tree with the part at ``path`` exchanged; what did not change is shared."""
    if not path:
        return part
    step, rest = path[0], path[1:]
    copy: Json = list(tree) if isinstance(tree, list) else dict(tree)
    copy[step] = with_part(tree[step], rest, part)
    return copy


def with_text(clause: Json, leaves: Sequence[TextLeaf], at: Path, text: str) -> Json:
    """Return a copy of the clause that stands at ``at`` with another text in every leaf.

    A leaf that carries the same words already keeps its own spelling of them.
    """
    for leaf in leaves:
        if not same_words(leaf.text, text):
            clause = with_part(clause, leaf.path[len(at) :], spelled(leaf.kind, text))
    return clause


def same_words(left: str, right: str) -> bool:
    """Whether two texts differ in case and white space at most."""
    return left.casefold().split() == right.casefold().split()


def spelled(kind: str, text: str) -> str:
    """Write a plain text for a leaf of this kind: escaped where a query language reads it."""
    if kind not in _OPERATORS:
        return text
    escaped = _MARKUP.sub(r"\\\1", _UNESCAPABLE.sub(" ", text))
    return _WORD_OPERATORS.sub(lambda match: match[0].lower(), escaped)

"""What is known while one search body is compiled for one index."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from math import isfinite
from typing import Any, TypeAlias

import tantivy

from qrmiddleware.upstream.embedded.mapping import Field
from qrmiddleware.upstream.embedded.problems import illegal, unparsable
from qrmiddleware.upstream.embedded.queries.clauses import Clause
from qrmiddleware.upstream.embedded.values import Json
from qrmiddleware.upstream.embedded.view import View

MAX_DEPTH = 30

Compile: TypeAlias = "Callable[[Any, Compilation], Clause]"


@dataclass(slots=True)
class Compilation:
    """Collects, beside the clause that is compiled, what highlighting and attribution need.

    Attributes:
        view: The index.
        compile: Compiles a query inside another.
        named: Queries with a ``_name``.
        terms: The terms that were searched for, by field.
        depth: How many queries the present one is inside of.
    """

    view: View
    compile: Compile
    named: list[tuple[str, tantivy.Query]] = field(default_factory=list)
    terms: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    depth: int = 0

    def inner(self, body: Json) -> Clause:
        """Compile a query inside another."""
        return self.compile(body, self)

    def inner_each(self, bodies: Json) -> list[Clause]:
        """Compile one query or a list of them."""
        many = bodies if isinstance(bodies, list) else [bodies]
        return [self.inner(body) for body in many]


def take(params: Json, query: str, allowed: str) -> dict[str, Any]:
    """A query's parameters, checked.

    Raises:
        ApiError: If one of them is not in ``allowed``, a list of names.
    """
    if not isinstance(params, dict):
        raise unparsable(reason=f"[{query}] query malformed, no start_object after query name")
    known = {*allowed.split(), "boost", "_name"}
    for name in params:
        if name not in known:
            raise unparsable(
                reason=f"[{query}] query does not support [{name}] in the embedded engine"
            )
    return params


def take_field(params: Json, query: str, short: str) -> tuple[str, Any]:
    """A query on one field, as ``{field: value}`` or ``{field: {short: value, …}}``.

    Returns:
        The field's path, and its parameters in the long form.
    """
    if not isinstance(params, dict) or not params:
        raise unparsable(reason=f"[{query}] query malformed, no field given")
    params = dict(params)
    outer = {key: params.pop(key) for key in ("boost", "_name") if key in params}
    if len(params) != 1:
        fields = ", ".join(f"[{name}]" for name in params)
        raise unparsable(reason=f"[{query}] query doesn't support multiple fields, found {fields}")
    [(path, value)] = params.items()
    return path, {**outer, **(value if isinstance(value, dict) else {short: value})}


def read_text(given: Mapping[str, Any], name: str, query: str) -> Json:
    """A value to search for: a string, a number or a boolean.

    Raises:
        ApiError: If it is missing, null, a list or an object.
    """
    value = given.get(name)
    if value is None:
        raise illegal(reason=f"[{query}] requires a [{name}] that is not null")
    if isinstance(value, dict | list):
        found = "START_OBJECT" if isinstance(value, dict) else "START_ARRAY"
        raise unparsable(reason=f"[{query}] unknown token [{found}] after [{name}]")
    return value


def read_number(value: Json, name: str) -> float:
    """A number, also where JSON holds it as a string."""
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise illegal(reason=f"Failed to parse [{name}]: [{value}] is not a number") from error
    if not isfinite(number):
        raise illegal(reason=f"Failed to parse [{name}]: [{value}] is not finite")
    return number


def read_boost(params: Mapping[str, Any]) -> float:
    """The ``boost`` of a query."""
    boost = read_number(params.get("boost", 1.0), "boost")
    if boost < 0:
        raise illegal(reason=f"negative [boost] are not allowed in [boost], got [{boost}]")
    return boost


def read_fields(
    named: Iterable[str], view: View, families: frozenset[str] | None = None
) -> list[tuple[Field, float]]:
    """Fields with their boosts, from names such as ``"title^2"`` and ``"attr.*"``.

    Names of no field are left out, as Elasticsearch does. A pattern stands for fields of
    ``families`` only, or for all.
    """
    found: dict[str, tuple[Field, float]] = {}
    for entry in named:
        name, _, suffix = entry.partition("^")
        boost = read_number(suffix, "boost") if suffix else 1.0
        for path, mapped in view.mapping.fields.items():
            by_pattern = "*" in name and fnmatchcase(path, name)
            if path == name or (by_pattern and (not families or mapped.family in families)):
                known = found[path][1] if path in found else 1.0
                found[path] = (mapped, known * boost)
    return list(found.values())

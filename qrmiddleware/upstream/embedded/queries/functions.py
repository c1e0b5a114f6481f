"""``function_score``: scores changed by filters, weights and the values of fields."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import exp, inf, log, log1p, log10, prod, sqrt
from typing import Any, TypeAlias

from qrmiddleware.upstream.embedded.problems import illegal, unparsable, unsupported
from qrmiddleware.upstream.embedded.queries.clauses import (
    Clause,
    Scores,
    constant,
    everything,
    scores_of,
)
from qrmiddleware.upstream.embedded.queries.context import Compilation, read_number, take
from qrmiddleware.upstream.embedded.values import Json, read_bound
from qrmiddleware.upstream.embedded.view import View

Value: TypeAlias = Callable[[int], float]

_MODIFIERS: Mapping[str, Callable[[float], float]] = {
    "none": lambda value: value,
    "log": log10,
    "log1p": lambda value: log10(value + 1),
    "log2p": lambda value: log10(value + 2),
    "ln": log,
    "ln1p": log1p,
    "ln2p": lambda value: log1p(value + 1),
    "square": lambda value: value * value,
    "sqrt": sqrt,
    "reciprocal": lambda value: 1 / value,
}
_DECAYS: Mapping[str, Callable[[float, float, float], float]] = {
    "gauss": lambda distance, scale, decay: exp(log(decay) * (distance / scale) ** 2),
    "exp": lambda distance, scale, decay: exp(log(decay) * distance / scale),
    "linear": lambda distance, scale, decay: max(0.0, 1 - (1 - decay) * distance / scale),
}
FUNCTIONS = ("weight", "field_value_factor", *_DECAYS)
"""What a function of ``function_score`` can be."""

_BOOST_MODES: Mapping[str, Callable[[float, float], float]] = {
    "multiply": lambda score, value: score * value,
    "replace": lambda _score, value: value,
    "sum": lambda score, value: score + value,
    "avg": lambda score, value: (score + value) / 2,
    "max": max,
    "min": min,
}
_SCORE_MODES: Mapping[str, Callable[[Sequence[tuple[float, float]]], float]] = {
    "multiply": lambda found: prod(value for value, _ in found),
    "sum": lambda found: sum(value for value, _ in found),
    "avg": lambda found: (
        sum(value for value, _ in found) / (sum(weight for _, weight in found) or 1.0)
    ),
    "first": lambda found: found[0][0],
    "max": lambda found: max(value for value, _ in found),
    "min": lambda found: min(value for value, _ in found),
}


@dataclass(frozen=True, slots=True)
class _Function:
    filter: Clause | None
    value: Value
    weight: float


def compile_function_score(params: Json, context: Compilation) -> Clause:
    """``function_score``."""
    allowed = f"query functions score_mode boost_mode max_boost filter {' '.join(FUNCTIONS)}"
    for name in ("script_score", "random_score", "min_score"):
        if isinstance(params, dict) and name in params:
            raise unsupported(what="function_score option", name=name)
    given = take(params, "function_score", allowed)
    base = context.inner(given["query"]) if given.get("query") else everything()
    listed = given.get("functions")
    if listed is None:
        listed = [{key: value for key, value in given.items() if key in FUNCTIONS}]
    functions = [_read_function(entry, context) for entry in listed if entry]
    combine_values = _mode(_SCORE_MODES, given.get("score_mode", "multiply"), "score_mode")
    apply = _mode(_BOOST_MODES, given.get("boost_mode", "multiply"), "boost_mode")
    highest = read_number(given["max_boost"], "max_boost") if "max_boost" in given else inf
    view = context.view

    def rescore() -> Scores:
        found = scores_of(base, view)
        values: dict[int, list[tuple[float, float]]] = {seq: [] for seq in found}
        for function in functions:
            matches: Iterable[int] = found
            if function.filter:
                matches = found.keys() & view.scores(function.filter.query).keys()
            for seq in matches:
                values[seq].append((function.value(seq) * function.weight, function.weight))
        return {
            seq: apply(score, min(combine_values(values[seq]), highest)) if values[seq] else score
            for seq, score in found.items()
        }

    return Clause(base.query, rescore)


def _mode(modes: Mapping[str, Any], name: Json, option: str) -> Json:
    if str(name).lower() not in modes:
        raise illegal(reason=f"illegal {option} [{name}]: use one of {', '.join(modes)}")
    return modes[str(name).lower()]


def _read_function(entry: Json, context: Compilation) -> _Function:
    if not isinstance(entry, dict):
        raise unparsable(
            reason="failed to parse [function_score] query: a function must be an object"
        )
    kinds = [key for key in entry if key not in {"filter", "weight", "_name"}]
    for kind in kinds:
        if kind not in FUNCTIONS:
            raise unsupported(what="function of query function_score,", name=kind)
    if len(kinds) > 1:
        raise unparsable(reason=f"failed to parse [function_score] query: more than one of {kinds}")
    weight = read_number(entry.get("weight", 1.0), "weight")
    within = constant(context.inner(entry["filter"])) if entry.get("filter") else None
    if not kinds:
        return _Function(within, lambda _seq: 1.0, weight)
    if kinds[0] == "field_value_factor":
        return _Function(within, _field_value(entry[kinds[0]], context.view), weight)
    return _Function(within, _decay(kinds[0], entry[kinds[0]], context.view), weight)


def _field_value(params: Json, view: View) -> Value:
    given = take(params, "field_value_factor", "field factor modifier missing")
    path = str(given.get("field", ""))
    factor = read_number(given.get("factor", 1.0), "factor")
    modify = _mode(_MODIFIERS, given.get("modifier", "none"), "modifier")
    missing = given.get("missing")
    column = view.columns.get(path, {})
    if view.field(path) is None and missing is None:
        raise illegal(reason=f"Unable to find a field mapper for field [{path}]")

    def value(seq: int) -> float:
        found = column.get(seq)
        if found is None and missing is None:
            raise illegal(reason=f"Missing value for field [{path}]")
        number = float(found[0]) if found else read_number(missing, "missing")
        try:
            return float(modify(number * factor))
        except (ValueError, ZeroDivisionError) as error:
            reason = f"field_value_factor must be a non-negative number: [{path}] is [{number}]"
            raise illegal(reason) from error

    return value


def _decay(kind: str, params: Json, view: View) -> Value:
    options = {key: value for key, value in params.items() if key != "multi_value_mode"}
    if len(options) != 1:
        raise unparsable(reason=f"[{kind}] must name one field")
    [(path, given)] = options.items()
    field = view.field(path)
    if field is None or field.family not in {"integer", "float", "date"}:
        raise unsupported(what=f"decay function {kind} on field", name=path)
    origin = read_bound(field.family, given.get("origin", "now"))
    scale, offset = (
        _span(given.get("scale"), field.family),
        _span(given.get("offset", 0), field.family),
    )
    decay = read_number(given.get("decay", 0.5), "decay")
    if scale <= 0 or not 0 < decay < 1:
        raise illegal(
            reason=f"[{kind}] needs scale > 0 and 0 < decay < 1, found [{scale}], [{decay}]"
        )
    column = view.columns.get(path, {})
    shape = _DECAYS[kind]

    def value(seq: int) -> float:
        found = column.get(seq)
        if not found:
            return 1.0
        nearest = min(abs(number - origin) for number in found)
        return shape(max(0.0, nearest - offset), scale, decay)

    return value


_MILLIS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}


def _span(value: Json, family: str) -> float:
    text = str(value)
    if family == "date":
        for unit, millis in _MILLIS.items():
            number = text.removesuffix(unit)
            if number != text and number.lstrip("-").replace(".", "", 1).isdigit():
                return float(number) * millis
    return read_number(value, "scale or offset")

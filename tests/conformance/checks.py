"""The assertions of the suite: ``match``, ``length``, ``is_true``, ``gt`` and their like."""

import re
from collections.abc import Callable, Mapping
from operator import ge, gt, le, lt
from typing import Any, Final


class CheckError(Exception):
    """A response is not what a case expects."""


def matches(actual: Any, expected: Any) -> bool:
    """Whether they are equal, or the text fits the pattern between slashes."""
    if isinstance(expected, str) and (pattern := regex_of(expected, re.VERBOSE)):
        return actual is not None and bool(pattern.search(java_text(actual)))
    return same(actual, expected)


def regex_of(text: str, flags: re.RegexFlag = re.NOFLAG) -> re.Pattern[str] | None:
    """Return the pattern that a text holds between slashes; ``None`` if it holds none."""
    text = text.strip()
    if len(text) < 2 or not (text.startswith("/") and text.endswith("/")):
        return None
    return re.compile(text[1:-1], flags)


def same(actual: Any, expected: Any) -> bool:
    """Whether two JSON values are equal; a number is no truth value."""
    if isinstance(expected, dict) and isinstance(actual, dict):
        return actual.keys() == expected.keys() and all(
            same(actual[key], part) for key, part in expected.items()
        )
    if isinstance(expected, list) and isinstance(actual, list):
        return len(actual) == len(expected) and all(map(same, actual, expected))
    if isinstance(actual, bool) or isinstance(expected, bool):
        return actual is expected
    if isinstance(actual, float) and isinstance(expected, int):
        return actual == float(expected)  # as Java compares a double with a long
    return bool(actual == expected)


def is_true(actual: Any) -> bool:
    """Whether there is something, and it is neither false nor zero."""
    return actual is not None and java_text(actual).lower() not in {"", "false", "0"}


def has_length(actual: Any, expected: Any) -> bool:
    """Whether a text, list or object has so many characters, items or keys."""
    return isinstance(actual, str | list | dict) and len(actual) == int(expected)


def contains(actual: Any, expected: Any) -> bool:
    """Whether a list holds an object with these values among its own."""
    return isinstance(actual, list) and any(
        isinstance(each, dict)
        and all(key in each and same(each[key], part) for key, part in expected.items())
        for each in actual
    )


def _compares(operator: Callable[[float, float], bool]) -> Callable[[Any, Any], bool]:
    def compare(actual: Any, expected: Any) -> bool:
        try:
            return operator(float(actual), float(expected))
        except (TypeError, ValueError):
            return False

    return compare


CHECKS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "match": matches,
    "length": has_length,
    "contains": contains,
    "gt": _compares(gt),
    "gte": _compares(ge),
    "lt": _compares(lt),
    "lte": _compares(le),
}
"""By name: whether what is there is as expected."""


def java_text(value: Any) -> str:
    """Spell a JSON value as Java does, which the suite's patterns are written for."""
    match value:
        case dict():
            return "{" + ", ".join(f"{key}={java_text(part)}" for key, part in value.items()) + "}"
        case list():
            return "[" + ", ".join(map(java_text, value)) + "]"
        case bool():
            return str(value).lower()
        case None:
            return "null"
        case _:
            return str(value)

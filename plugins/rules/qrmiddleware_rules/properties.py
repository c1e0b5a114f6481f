"""Properties of a rule: ``@priority: 10`` and ``@{ tenant: ["t1"] }@``."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

import json5

from qrmiddleware_rules.problems import InvalidTextError
from qrmiddleware_rules.words import Word

_SINGLE = re.compile(
    r"""\s*@\s*(?:"(?P<double>[^"]+)"|'(?P<quoted>[^']+)'|(?P<bare>[^\s:"'{}]+))\s*:(?P<value>.*)""",
    re.DOTALL,
)
_NAME = re.compile(r'"(?:[^"\\]|\\.)*+"|([A-Za-z_][\w.-]*)(?=\s*:)', re.DOTALL)


def parse_property(content: str) -> dict[str, Any]:
    """Read ``@name: value``; the value is JSON.

    Raises:
        InvalidTextError: If the name or the value cannot be read.
    """
    found = _SINGLE.fullmatch(content)
    column = len(content) - len(content.lstrip()) + 1
    if found is None:
        message = "expected '@name: value', or properties in JSON between @{ and }@"
        raise InvalidTextError(message, column)
    name = found["double"] or found["quoted"] or found["bare"]
    value = Word(found["value"], found.start("value") + 1)
    try:
        return {name: _read_json(value.text)}
    except ValueError as error:
        message = f'the value of {name!r} must be JSON, such as "text", 10 or true: {error}'
        raise InvalidTextError(message, value.column) from error


def parse_block(text: str) -> dict[str, Any]:
    """Read the JSON object of ``@{ … }@``; names may go without quotation marks.

    Raises:
        InvalidTextError: If it is not an object; the column is that of its first line.
    """
    try:
        value = _read_json(text)
    except ValueError as error:
        message = f"properties between @{{ and }}@ must be JSON: {error}"
        raise InvalidTextError(message, 1) from error
    if not isinstance(value, dict):
        message = "expected an object between @{ and }@"
        raise InvalidTextError(message, 1)
    return value


def check_properties(properties: Mapping[str, Any]) -> None:
    """Refuse values that the rewriter cannot act on.

    Raises:
        InvalidTextError: If ``enabled`` is not true or false, or ``_id`` is not a text.
    """
    if not isinstance(properties.get("enabled", True), bool):
        message = f"'enabled' must be true or false, found {properties['enabled']!r}"
        raise InvalidTextError(message, 1)
    if not isinstance(properties.get("_id", ""), str | int):
        message = f"'_id' must be a text, found {properties['_id']!r}"
        raise InvalidTextError(message, 1)


def has_value(properties: Mapping[str, Any], name: str, value: object) -> bool:
    """Whether a property is that value, or a list that holds it; true if it is not set.

    Args:
        properties: Of one rule.
        name: Dots lead into objects: ``culture.lang``.
        value: What to look for.
    """
    found = look_up(properties, name)
    if found is None:
        return True
    return value in found if isinstance(found, list) else bool(found == value)


def look_up(properties: Mapping[str, Any], name: str) -> object:
    """Get a property by its name, or by the dotted path into it; ``None`` if not set."""
    if name in properties:
        return properties[name]
    found: object = properties
    for part in name.split("."):
        if not isinstance(found, Mapping) or part not in found:
            return None
        found = found[part]
    return found


def _read_json(text: str) -> Any:  # noqa: ANN401  # JSON
    quoted = _NAME.sub(lambda name: f'"{name[1]}"' if name[1] else name[0], text)
    try:
        return json.loads(quoted, object_pairs_hook=_without_repeats)
    except json.JSONDecodeError:
        pass  # not the common form: read it slowly, with all of JSON5
    except RecursionError as error:
        message = "nested too deeply"
        raise ValueError(message) from error
    try:
        return json5.loads(text, allow_duplicate_keys=False)
    except RecursionError as error:
        message = "nested too deeply"
        raise ValueError(message) from error


def _without_repeats(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        message = "a name occurs twice"
        raise ValueError(message)
    return found

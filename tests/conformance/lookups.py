"""Paths into responses, such as ``hits.hits.0._source``, and values kept from them, as ``$id``."""

import re
from collections.abc import Mapping
from typing import Any, Final

_DOT: Final = re.compile(r"(?<!\\)\.")
_EMBEDDED: Final = re.compile(r"\$\{(\w+)\}")
_ANY_KEY: Final = "_arbitrary_key_"

Stash = Mapping[str, Any]


def look_up(body: Any, path: str, stash: Stash) -> Any:
    """Return what stands at a path; ``None`` where nothing does.

    ``\\.`` is a dot in a key, ``$name`` a kept value, ``_arbitrary_key_`` whatever key is there.
    """
    if path == "$body" or path.startswith("$body."):
        path = path.removeprefix("$body").removeprefix(".")
    steps = [step.replace("\\.", ".") for step in _DOT.split(path) if step]
    for step in steps:
        body = _step(body, str(filled(step, stash)))
    return body


def _step(node: Any, step: str) -> Any:
    if isinstance(node, dict):
        return next(iter(node), None) if step == _ANY_KEY else node.get(step)
    if isinstance(node, list) and step.isdecimal() and int(step) < len(node):
        return node[int(step)]
    return None


def filled(value: Any, stash: Stash) -> Any:
    """Return a value with ``$name`` and ``${name}`` exchanged for what was kept, keys included."""
    if isinstance(value, dict):
        return {str(filled(key, stash)): filled(part, stash) for key, part in value.items()}
    if isinstance(value, list):
        return [filled(part, stash) for part in value]
    if not isinstance(value, str):
        return value
    if value.startswith("$") and value[1:] in stash:
        return stash[value[1:]]
    return _EMBEDDED.sub(lambda match: str(stash.get(match[1], match[0])), value)

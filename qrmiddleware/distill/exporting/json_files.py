"""Reads the JSON files of a checkpoint."""

import json
from pathlib import Path
from typing import Any

from qrmiddleware.errors import ConfigError


def read_json(path: Path) -> Any:  # noqa: ANN401 - JSON
    """Read a file of JSON.

    Raises:
        ConfigError: If it cannot be read, or is none.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        message = f"{path} cannot be read as JSON: {error}"
        raise ConfigError(message) from error


def read_object(path: Path) -> dict[str, Any]:
    """Read a file that holds one JSON object.

    Raises:
        ConfigError: If it cannot be read, or holds something else.
    """
    found = read_json(path)
    if not isinstance(found, dict):
        message = f"{path} holds a {type(found).__name__}, where a JSON object is needed"
        raise ConfigError(message)
    return found

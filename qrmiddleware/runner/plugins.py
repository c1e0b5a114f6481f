"""Finds installed plugins, and makes them with their options checked."""

from collections.abc import Mapping
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from qrmiddleware.config.settings import anchored
from qrmiddleware.errors import ConfigError
from qrmiddleware.hooks import NAME


def installed_plugins() -> dict[str, EntryPoint]:
    """Return the entry points of all installed plugins, by name."""
    return {point.name: point for point in sorted(entry_points(group=NAME))}


def load_plugin(name: str) -> type[Any]:
    """Import a plugin's class.

    Raises:
        ConfigError: If it is not installed, or cannot be imported.
    """
    installed = installed_plugins()
    if name not in installed:
        problem = f"no plugin {name!r} is installed; installed are: {', '.join(installed)}"
        raise ConfigError(problem)
    try:
        plugin: type[Any] = installed[name].load()
    except (ImportError, AttributeError) as error:
        problem = f"plugin {name!r} cannot be imported: {error}"
        raise ConfigError(problem) from error
    settings = getattr(plugin, "Settings", None)
    if not (isinstance(settings, type) and issubclass(settings, BaseModel)):
        problem = f"plugin {name!r}: {plugin!r} has no nested pydantic model `Settings`"
        raise ConfigError(problem)
    return plugin


def make_plugin(name: str, options: Mapping[str, Any], *, folder: Path) -> object:
    """Make a plugin with its options.

    Args:
        name: Entry-point name.
        options: As configured.
        folder: Where relative paths among them start.

    Raises:
        ConfigError: If an option is wrong; names the option.
    """
    plugin = load_plugin(name)
    try:
        settings = plugin.Settings.model_validate(dict(options))
    except ValidationError as error:
        known = ", ".join(sorted(plugin.Settings.model_fields))
        problems = (
            f"plugin {name!r}: option {'.'.join(map(str, problem['loc'])) or '(all)'}: "
            + _said(problem, known)
            for problem in error.errors(include_url=False)
        )
        raise ConfigError("\n".join(problems)) from error
    return plugin(anchored(settings, folder))


def _said(problem: ErrorDetails, known: str) -> str:
    if problem["type"] == "extra_forbidden" and len(problem["loc"]) == 1:
        return f"unknown option; known are: {known}"
    return problem["msg"].removeprefix("Value error, ")

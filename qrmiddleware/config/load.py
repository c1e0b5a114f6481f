"""Reads the configuration: flags over environment over file over defaults."""

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import yaml
from pydantic import ValidationError

from qrmiddleware.config.settings import PipelineSettings, Settings, anchored
from qrmiddleware.errors import ConfigError

ENV_PREFIX: Final = "QRMIDDLEWARE_"

Location = tuple[str | int, ...]


def load_settings(
    path: Path | None = None,
    *,
    environment: Mapping[str, str] | None = None,
    flags: Mapping[str, Any] | None = None,
) -> Settings:
    """Read and check the whole configuration.

    Args:
        path: A YAML file; ``None`` for none.
        environment: ``QRMIDDLEWARE_<SECTION>__<KEY>``; values are read as YAML.
        flags: Dotted keys, such as ``{"listen.port": 9250}``; ``None`` values are not set.

    Raises:
        ConfigError: Naming every key that is wrong, and its line in the file.
    """
    tree, lines = _read_file(path) if path is not None else ({}, {})
    if path is not None:
        tree["folder"] = str(path.absolute().parent / str(tree.get("folder", "")))
    origins: dict[Location, str] = {}
    environment = os.environ if environment is None else environment
    for location, value, origin in (*_from_environment(environment), *_from_flags(flags or {})):
        _put(tree, location, value, origin)
        origins[location] = origin
    try:
        settings = Settings.model_validate(tree)
        return settings.model_copy(
            update={
                "listen": anchored(settings.listen, settings.folder),
                "upstream": anchored(settings.upstream, settings.folder),
            }
        )
    except ValidationError as error:
        problems = [
            _describe(problem["loc"], problem["msg"], path, lines, origins)
            for problem in error.errors(include_url=False)
        ]
        raise ConfigError("\n".join(problems)) from error


def _read_file(path: Path) -> tuple[dict[str, Any], dict[Location, int]]:
    try:
        text = path.read_text(encoding="utf-8")
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        tree = yaml.safe_load(text)
    except OSError as error:
        problem = f"{path}: {error.strerror}"
        raise ConfigError(problem) from error
    except (yaml.YAMLError, ValueError) as error:  # such as a date on the 31st of June
        problem = f"{path}: not YAML: {error}"
        raise ConfigError(problem) from error
    if tree is None:
        return {}, {}
    if not isinstance(tree, dict):
        problem = f"{path}:1: expected keys such as upstream: and pipelines:"
        raise ConfigError(problem)
    return tree, dict(_line_numbers(node, ()))


def _line_numbers(node: yaml.Node | None, location: Location) -> Iterator[tuple[Location, int]]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            inner = (*location, key.value)
            yield inner, key.start_mark.line + 1
            yield from _line_numbers(value, inner)
    elif isinstance(node, yaml.SequenceNode):
        for position, item in enumerate(node.value):
            yield (*location, position), item.start_mark.line + 1
            yield from _line_numbers(item, (*location, position))


def _from_environment(environment: Mapping[str, str]) -> Iterator[tuple[Location, Any, str]]:
    for name, text in sorted(environment.items()):
        if name.startswith(ENV_PREFIX) and name != f"{ENV_PREFIX}CONFIG":
            location = tuple(name.removeprefix(ENV_PREFIX).lower().split("__"))
            secret = location[-1] in ("password", "api_key", "username")
            yield location, text if secret else _yaml(name, text), f"environment {name}"


def _yaml(name: str, text: str) -> object:
    try:
        value: object = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError) as error:
        problem = f"environment {name}: not YAML: {error}"
        raise ConfigError(problem) from error
    return value


def _from_flags(flags: Mapping[str, Any]) -> Iterator[tuple[Location, Any, str]]:
    for key, value in flags.items():
        if value is not None:
            yield tuple(key.split(".")), value, f"flag for {key}"


def _put(tree: dict[str, Any], location: Location, value: object, origin: str) -> None:
    *above, last = location
    node: Any = tree
    for step in above:
        node = node.setdefault(step, {}) if isinstance(node, dict) else None
    if not isinstance(node, dict):
        problem = f"{origin}: {'.'.join(map(str, above))} is no section"
        raise ConfigError(problem)
    node[last] = value


def _describe(
    location: Location,
    message: str,
    path: Path | None,
    lines: Mapping[Location, int],
    origins: Mapping[Location, str],
) -> str:
    key = ".".join(map(str, location)) or "configuration"
    message = message.removeprefix("Value error, ")
    if message.startswith("Extra inputs are not permitted"):
        message = f"unknown key; {_known_keys(location)}"
    for length in range(len(location), 0, -1):
        if location[:length] in origins:
            return f"{origins[location[:length]]}: {key}: {message}"
        if location[:length] in lines:
            return f"{path}:{lines[location[:length]]}: {key}: {message}"
    return f"{path or 'configuration'}: {key}: {message}"


def _known_keys(location: Sequence[str | int]) -> str:
    """Name the keys that the section of an unknown one knows."""
    model: Any = Settings
    steps = iter(location[:-1])
    for step in steps:
        fields = getattr(model, "model_fields", {})
        if model is Settings and step == "pipelines":
            model = PipelineSettings
            next(steps, None)  # its name
        elif step in fields:
            model = fields[step].annotation
    known = sorted(getattr(model, "model_fields", {}))
    return f"known are: {', '.join(known)}"

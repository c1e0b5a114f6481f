"""Reads the configuration: flags over environment over file over defaults."""

import itertools
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeAlias

import yaml
from pydantic import SecretStr, ValidationError
from yaml.constructor import ConstructorError
from yaml.reader import ReaderError

from qrmiddleware.config.settings import PipelineSettings, Section, Settings, anchored
from qrmiddleware.dsl.uri import has_password
from qrmiddleware.errors import ConfigError

Location: TypeAlias = tuple[str | int, ...]

ENV_PREFIX: Final = "QRMIDDLEWARE_"
SECRETS: Final[tuple[Location, ...]] = (
    ("upstream", "password"),
    ("upstream", "api_key"),
    ("debug", "token"),
)
"""Keys whose values come from the environment, or from a file of their own, ``KEY_file``."""

_TEXTS: Final = ("password", "api_key", "token", "username")
_QUOTED: Final = re.compile(r"\s*'[^']{2,}'")
_DEEPEST: Final = 32
_MOST_VALUES: Final = 100_000


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
    except ValidationError as error:
        problems = [
            _describe(problem["loc"], problem["msg"], path, lines, origins)
            for problem in error.errors(include_url=False)
        ]
        raise ConfigError("\n".join(problems)) from error
    return settings.model_copy(
        update={
            section: _with_secrets(section, anchored(getattr(settings, section), settings.folder))
            for section in ("listen", "upstream", "debug")
        }
    )


def _with_secrets(name: str, section: Section) -> Section:
    """Return a section with the secrets that it names files for."""
    read: dict[str, SecretStr] = {}
    for _, key in (location for location in SECRETS if location[0] == name):
        path = getattr(section, f"{key}_file")
        if path is None:
            continue
        try:
            secret = path.read_text(encoding="utf-8").removesuffix("\n").removesuffix("\r")
        except (OSError, UnicodeDecodeError) as error:
            problem = f"{name}.{key}_file: cannot read {path}: {error}"
            raise ConfigError(problem) from error
        if not secret.strip():
            problem = f"{name}.{key}_file: {path} is empty"
            raise ConfigError(problem)
        read[str(key)] = SecretStr(secret)
    return section.model_copy(update=read)


def _read_file(path: Path) -> tuple[dict[str, Any], dict[Location, int]]:
    try:
        text = path.read_text(encoding="utf-8")
        loader = _Loader(text)
        node = loader.get_single_node()
        places = {location: (line, value) for location, line, value in _walk(node)}
        tree = None if node is None else loader.construct_document(node)
    except OSError as error:
        problem = f"{path}: {error.strerror}"
        raise ConfigError(problem) from error
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        problem = f"{path}:{line}: not UTF-8"
        raise ConfigError(problem) from error
    except RecursionError as error:
        problem = f"{path}: nested too deeply"
        raise ConfigError(problem) from error
    except yaml.YAMLError as error:
        problem = f"{path}{_place_of(error, text)}: not YAML: {_said(error)}"
        raise ConfigError(problem) from None  # its own message shows the line, and what is in it
    if tree is None:
        return {}, {}
    if not isinstance(tree, dict):
        problem = f"{path}:1: expected keys such as upstream: and pipelines:"
        raise ConfigError(problem)
    lines = {location: line for location, (line, _) in places.items()}
    for location, objection in _exposed(tree, places):
        line = lines.get(location) or lines.get(location[:1], 1)
        problem = f"{path}:{line}: {'.'.join(map(str, location))}: {objection}"
        raise ConfigError(problem)
    return tree, lines


class _Loader(yaml.SafeLoader):
    """Says where a value stands that is not what its tag says."""

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:  # noqa: ANN401, FBT
        try:
            return super().construct_object(node, deep=deep)
        except (yaml.YAMLError, RecursionError):
            raise
        except Exception as error:  # it raises whatever its functions do
            kind = node.tag.rpartition(":")[2]
            problem = f"this is no value of the kind {kind}"
            raise ConstructorError(None, None, problem, node.start_mark) from error


def _place_of(error: yaml.YAMLError, text: str) -> str:
    if isinstance(error, ReaderError):
        return f":{text[: error.position].count(chr(10)) + 1}"
    mark = getattr(error, "problem_mark", None)
    return f":{mark.line + 1}" if mark is not None else ""


def _said(error: yaml.YAMLError) -> str:
    """Say what is wrong without quoting the file: there may be a secret in it."""
    said = getattr(error, "problem", None) or getattr(error, "reason", None) or "unreadable"
    return _QUOTED.sub("", str(said))


def _walk(node: yaml.Node | None) -> Iterator[tuple[Location, int, str]]:
    """Yield the place, the line and the text of everything; repeats by an alias too.

    Raises:
        ConstructorError: If it goes too deep, or there is too much of it.
    """
    waiting: list[tuple[Location, yaml.Node, yaml.Node | None]] = [((), node, None)] if node else []
    for count in itertools.count():
        if not waiting:
            return
        location, value, key = waiting.pop()
        mark = (key or value).start_mark
        text = value.value if isinstance(value, yaml.ScalarNode) else ""
        if count > _MOST_VALUES or len(location) > _DEEPEST or "\0" in text:
            problem = (
                "a text holds the character NUL"
                if "\0" in text
                else "too much is nested here; does an alias repeat itself?"
            )
            raise ConstructorError(None, None, problem, mark)
        yield location, mark.line + 1, text
        if isinstance(value, yaml.MappingNode):
            waiting += [((*location, _name(name)), each, name) for name, each in value.value]
        elif isinstance(value, yaml.SequenceNode):
            waiting += [((*location, at), each, None) for at, each in enumerate(value.value)]


def _name(key: yaml.Node) -> str:
    return str(key.value) if isinstance(key, yaml.ScalarNode) else "?"


def _exposed(
    tree: Mapping[str, Any], places: Mapping[Location, tuple[int, str]]
) -> Iterator[tuple[Location, str]]:
    """Yield the secrets that stand in the file itself, and what to do instead."""
    for location in SECRETS:
        section, key = location
        found = tree.get(str(section))
        if isinstance(found, dict) and found.get(key) is not None:
            variable = ENV_PREFIX + "__".join(map(str, location)).upper()
            yield location, f"a secret has no place in the file: set {variable}, or {key}_file"
    for location, (_, value) in places.items():
        if has_password(value):
            yield location, "a password has no place in the file: give it in the environment"


def _from_environment(environment: Mapping[str, str]) -> Iterator[tuple[Location, Any, str]]:
    for name, text in sorted(environment.items()):
        if name.startswith(ENV_PREFIX) and name != f"{ENV_PREFIX}CONFIG":
            location = tuple(name.removeprefix(ENV_PREFIX).lower().split("__"))
            as_it_is = location[-1] in _TEXTS
            yield location, text if as_it_is else _yaml(name, text), f"environment {name}"


def _yaml(name: str, text: str) -> object:
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        for _ in _walk(node):
            pass
        return None if node is None else loader.construct_document(node)
    except (yaml.YAMLError, RecursionError) as error:
        said = _said(error) if isinstance(error, yaml.YAMLError) else "nested too deeply"
        problem = f"environment {name}: not YAML: {said}"
        raise ConfigError(problem) from None  # its own message shows what is in it


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

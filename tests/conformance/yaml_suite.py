"""The YAML test suite of OpenSearch's REST API, read from its jar."""

import json
import re
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

Step = tuple[str, Any]
"""What to do or to check, and with what, such as ``("match", {"hits.total": 3})``."""

_TESTS: Final = re.compile(r"rest-api-spec/test/(?P<group>.+)/(?P<file>[^/]+)\.ya?ml")
_API: Final = re.compile(r"rest-api-spec/api/(?P<name>.+)\.json")
_NULL: Final = "tag:yaml.org,2002:null"
_SCALARS: Final = (
    (_NULL, r"~|null|Null|NULL|", "~nN\0"),
    ("tag:yaml.org,2002:bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("tag:yaml.org,2002:int", r"[-+]?(?:0|[1-9][0-9]*)", "-+0123456789"),
    (
        "tag:yaml.org,2002:float",
        r"[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+|[0-9]+(?=[eE]))(?:[eE][-+]?[0-9]+)?",
        "-+.0123456789",
    ),
)


@dataclass(frozen=True, slots=True)
class Case:
    """One test of the suite.

    Attributes:
        group: The API that it tests: its folder.
        file: Its file in there, without the ending.
        name: Its title.
        setup: What is done before it; a failure there is the case's.
        steps: The test itself.
        teardown: What is done after it, whatever became of it.
    """

    group: str
    file: str
    name: str
    setup: tuple[Step, ...]
    steps: tuple[Step, ...]
    teardown: tuple[Step, ...]

    @property
    def path(self) -> str:
        """What it is told by."""
        return f"{self.group}/{self.file}/{self.name}"


@dataclass(frozen=True, slots=True)
class Suite:
    """The whole suite: its cases, and the APIs that they call, by name."""

    cases: tuple[Case, ...]
    apis: Mapping[str, Mapping[str, Any]]


def read_suite(jar: Path) -> Suite:
    """Read every case and API description of a ``rest-api-spec`` jar."""
    with zipfile.ZipFile(jar) as archive:
        texts = {name: archive.read(name).decode() for name in sorted(archive.namelist())}
    apis: dict[str, Mapping[str, Any]] = {}
    cases: list[Case] = []
    for name, text in texts.items():
        if test := _TESTS.fullmatch(name):
            cases.extend(read_cases(text, group=test["group"], file=test["file"]))
        elif api := _API.fullmatch(name):
            described = json.loads(text)
            apis[api["name"]] = described.get(api["name"], described)
    return Suite(tuple(cases), apis)


def read_cases(text: str, *, group: str, file: str) -> Iterator[Case]:
    """Read the cases of one YAML file; each comes with the file's setup and teardown."""
    sections: dict[str, tuple[Step, ...]] = {}
    for document in yaml.load_all(text, _Loader):
        for title, steps in (document or {}).items():
            sections[str(title)] = tuple(step for each in steps or () for step in each.items())
    setup, teardown = (sections.pop(title, ()) for title in ("setup", "teardown"))
    for title, steps in sections.items():
        yield Case(group, file, title, setup, steps, teardown)


class _Loader(yaml.CSafeLoader):
    """YAML as the suite means it: ``on`` is a word, ``12:30`` and ``2020-01-01`` are strings."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 PyYAML's


for _tag, _pattern, _first in _SCALARS:
    _firsts = ["" if each == "\0" else each for each in _first]
    _Loader.add_implicit_resolver(_tag, re.compile(rf"(?:{_pattern})\Z"), _firsts)


def read_yaml(text: str) -> Any:
    """Read one YAML document."""
    return yaml.load(text, _Loader)  # noqa: S506 a safe loader

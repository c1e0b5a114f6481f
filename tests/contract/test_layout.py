"""What holds of the repository itself."""

import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path

import pluggy
import pytest
from pydantic import BaseModel

from qrmiddleware.config.settings import (
    FilterSlot,
    PipelineSettings,
    PluginSlot,
    RewardSlot,
    Settings,
)
from qrmiddleware.hooks import NAME, specs

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "qrmiddleware"
WITHOUT_BEHAVIOUR = {
    "errors.py",
    "model.py",
    "hooks/specs.py",
    "pipeline/steps.py",
    "upstream/exchange.py",
}
MODULES = [
    path.relative_to(PACKAGE)
    for path in sorted(PACKAGE.rglob("*.py"))
    if path.name not in {"__init__.py", "__main__.py"}
    and path.relative_to(PACKAGE).as_posix() not in WITHOUT_BEHAVIOUR
]
HEAVY = {
    "torch",
    "transformers",
    "ctranslate2",
    "numpy",
    "pandas",
    "tantivy",
    "redis",
    "pyarrow",
    "pydantic",
    "yaml",
    "aiohttp",
    "elastic_transport",
    "uvicorn",
    "typer",
}
CHANGES = ("Added", "Changed", "Deprecated", "Removed", "Fixed", "Security")


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_every_module_has_its_test_file(module):
    assert (ROOT / "tests" / "unit" / module.parent / f"test_{module.name}").is_file()


def test_modules_without_behaviour_are_there_and_have_none():
    for name in WITHOUT_BEHAVIOUR:
        source = (PACKAGE / name).read_text(encoding="utf-8")
        assert not re.search(r"^ +(if|for|while|try|match) ", source, re.MULTILINE), name


def test_modules_stay_small():
    long = {
        path.relative_to(ROOT).as_posix(): lines
        for path in tracked("*.py")
        if (lines := path.read_text(encoding="utf-8").count("\n")) >= 400
        and "tests" not in path.relative_to(ROOT).parts
    }

    assert long == {}


def test_tests_are_no_packages():
    assert [path for path in tracked("*__init__.py") if "tests" in path.parent.parts] == []


def test_one_name_in_five_places():
    points = {point.name: point for point in entry_points(group=NAME)}
    folders = {path.parent.name for path in tracked("plugins/*/pyproject.toml")}
    root = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))

    assert points.keys() == folders
    for name, point in points.items():
        distribution = f"qrmiddleware-{name.replace('_', '-')}"
        assert point.module.partition(".")[0] == f"qrmiddleware_{name}"
        assert point.dist is not None
        assert point.dist.name == distribution
        assert distribution in root["tool"]["uv"]["sources"]
        assert f"qrmiddleware_{name}" in root["tool"]["importlinter"]["root_packages"]
        assert issubclass(point.load().Settings, BaseModel)


def test_every_distribution_is_typed():
    packages = {path.parent for path in tracked("*/qrmiddleware_*/__init__.py")}

    assert [
        str(package)
        for package in (PACKAGE, *packages)
        if package.name.startswith("qrmiddleware")
        and (package.parent / "pyproject.toml").is_file()
        and not (package / "py.typed").is_file()
    ] == []


@pytest.mark.parametrize("module", ["qrmiddleware", "qrmiddleware.hooks.manager"])
def test_importing_the_plugin_api_loads_nothing_heavy(module):
    code = f"import sys, {module}; print(*sys.modules)"

    loaded = subprocess.check_output([sys.executable, "-c", code], text=True).split()

    assert not HEAVY & set(loaded)


def test_every_hook_is_documented_with_its_arguments():
    manager = pluggy.PluginManager(NAME)
    manager.add_hookspecs(specs)
    page = (ROOT / "docs" / "hooks.md").read_text(encoding="utf-8")

    for hook in (name for name in dir(manager.hook) if name.startswith("qrm_")):
        spec = getattr(manager.hook, hook).spec
        assert f"{hook}({', '.join(spec.argnames)})" in page


def test_every_configuration_key_is_documented_in_its_section():
    page = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    sections = {
        title.strip("`"): set(re.findall(r"^\| `(\w+)` \|", body, re.MULTILINE))
        for title, body in re.findall(r"^### (.+)\n((?:(?!^##).*\n)*)", page, re.MULTILINE)
    }

    undocumented = [key for key, section in keys() if key not in sections.get(section, set())]

    assert undocumented == []


def keys() -> Iterator[tuple[str, str]]:
    """Every key, and the heading of the section that it stands in."""
    models: dict[str, type[BaseModel]] = {"The file": Settings, "pipelines.NAME": PipelineSettings}
    slots = {"rewriters": PluginSlot, "filters": FilterSlot, "rewards": RewardSlot}
    models |= {f"pipelines.NAME.{name}[]": slot for name, slot in slots.items()}
    for section, model in models.items():
        prefix = f"{section}." if model is PipelineSettings else ""
        for name, field in model.model_fields.items():
            if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
                for inner in field.annotation.model_fields:
                    yield inner, f"{prefix}{name}"
            elif name != "pipelines":
                yield name, section


def test_the_changelog_keeps_its_shape():
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    headings = re.findall(r"^(##+) (.+)$", text, re.MULTILINE)
    releases = [title for level, title in headings if level == "##"]

    assert text.startswith("# Changelog\n")
    assert releases[0] == "[Unreleased]"
    assert all(
        re.fullmatch(r"\[\d+\.\d+\.\d+\] - \d{4}-\d\d-\d\d", title) for title in releases[1:]
    )
    assert {title for level, title in headings if level == "###"} <= set(CHANGES)
    body = text.partition("## [Unreleased]")[2]
    assert all(line.startswith(("- ", "  ", "#", "[")) for line in body.splitlines() if line)


def test_no_tracked_file_names_a_path_of_one_machine():
    places = re.compile(
        rb"(?<![\w.~$}])/(?:" + b"|".join((b"work", b"root", b"home/\\w+")) + rb")/"
    )
    found = [
        path.relative_to(ROOT).as_posix()
        for path in tracked()
        if path.is_file() and places.search(path.read_bytes())
    ]

    assert found == []


def tracked(*patterns: str) -> Iterator[Path]:
    """Files that git knows."""
    listed = subprocess.run(
        ["git", "-C", str(ROOT), "ls-files", "-z", "--", *patterns],  # noqa: S607 git of the user
        capture_output=True,
        check=False,
    )
    if listed.returncode != 0:
        pytest.skip("needs a git checkout")
    return (ROOT / name for name in listed.stdout.decode().split("\0") if name)

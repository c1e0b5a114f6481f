from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path

import pytest
from pydantic import BaseModel, ConfigDict

from qrmiddleware import ConfigError
from qrmiddleware.runner import plugins
from qrmiddleware.runner.plugins import installed_plugins, load_plugin, make_plugin


class Table:
    """A plugin with options."""

    class Settings(BaseModel):
        """Options of ``plugin: table``."""

        model_config = ConfigDict(extra="forbid", frozen=True)

        path: Path
        limit: int = 3

    def __init__(self, settings):
        self.settings = settings


class Bare:
    """A plugin that lacks its ``Settings``."""


@pytest.fixture(autouse=True)
def installed(monkeypatch):
    """Install the plugins of this module, and two that cannot be imported."""
    here = {"table": "Table", "bare": "Bare", "gone": "Gone"}
    points = [EntryPoint(n, f"{__name__}:{value}", "qrmiddleware") for n, value in here.items()]
    points.append(EntryPoint("broken", "no_such_module:Plugin", "qrmiddleware"))
    monkeypatch.setattr(
        plugins, "entry_points", lambda group: EntryPoints(points).select(group=group)
    )


def test_installed_plugins_are_listed_by_name():
    assert list(installed_plugins()) == ["bare", "broken", "gone", "table"]


def test_a_plugin_is_made_with_its_options_and_paths_start_at_the_folder():
    plugin = make_plugin("table", {"path": "a.sqlite", "limit": 5}, folder=Path("/etc/qrm"))

    assert plugin.settings.path == Path("/etc/qrm/a.sqlite")
    assert plugin.settings.limit == 5


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("tabel", "no plugin 'tabel' is installed; installed are: bare, broken, gone, table"),
        ("broken", "plugin 'broken' cannot be imported: No module named 'no_such_module'"),
        ("gone", "plugin 'gone' cannot be imported"),
        ("bare", "has no nested pydantic model `Settings`"),
    ],
)
def test_a_plugin_that_cannot_be_loaded_is_named(name, problem):
    with pytest.raises(ConfigError, match=problem):
        load_plugin(name)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({}, "plugin 'table': option path: Field required"),
        (
            {"path": "a", "limit": "many"},
            "plugin 'table': option limit: Input should be a valid integer",
        ),
        (
            {"path": "a", "size": 1},
            "plugin 'table': option size: unknown option; known are: limit, path",
        ),
    ],
)
def test_a_wrong_option_is_named(options, problem):
    with pytest.raises(ConfigError) as caught:
        make_plugin("table", options, folder=Path())

    assert problem in str(caught.value)


def test_every_wrong_option_is_named_at_once():
    with pytest.raises(ConfigError) as caught:
        make_plugin("table", {"limit": "x", "size": 1}, folder=Path())

    assert len(str(caught.value).splitlines()) == 3

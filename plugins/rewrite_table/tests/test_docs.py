import re
import shlex
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from qrmiddleware_rewrite_table import RewriteTable
from qrmiddleware_rewrite_table.commands import app

PAGE = Path(__file__).parents[3] / "docs" / "rewrite_table.md"
FENCE = re.compile(r"^```(\w+) ?(\S*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def test_the_examples_of_the_page_work(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    said = []

    for language, name, text in FENCE.findall(PAGE.read_text(encoding="utf-8")):
        if language == "text" and name:
            Path(name).write_text(text)
        for line in text.splitlines() if language == "console" else ():
            command = shlex.split(line.removeprefix("$ qrm table "))
            result = CliRunner().invoke(app, command)
            assert result.exit_code == 0, f"{line}: {result.output}"
            said.append(result.output)

    assert any("water hose" in output for output in said)
    assert Path("copy.sqlite").exists()


def test_the_configurations_of_the_page_are_valid(tmp_path):
    for language, _, text in FENCE.findall(PAGE.read_text(encoding="utf-8")):
        if language == "yaml":
            config = yaml.safe_load(text)
            rewriters = config.get("rewriters") or config["pipelines"]["default"]["rewriters"]
            for options in rewriters:
                assert options.pop("plugin") == "rewrite_table"
                RewriteTable.Settings(**options)


@pytest.mark.parametrize("name", RewriteTable.Settings.model_fields)
def test_the_page_names_every_option_with_its_default(name):
    default = RewriteTable.Settings.model_fields[name].default
    shown = "" if default in {None, ""} else str(default)
    (row,) = re.findall(rf"^\| `{name}` \| (.*?) ?\| ", PAGE.read_text("utf-8"), re.MULTILINE)

    assert row.strip("`") == shown

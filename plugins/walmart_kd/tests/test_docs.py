import re
from pathlib import Path

import pytest
import yaml

from qrmiddleware.students.settings import RuntimeSettings
from qrmiddleware_walmart_kd import WalmartKd

PAGE = (Path(__file__).parents[3] / "docs" / "walmart_kd.md").read_text(encoding="utf-8")
YAML = re.compile(r"^```yaml\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("name", WalmartKd.Settings.model_fields)
def test_the_page_names_every_option_with_its_default(name):
    default = WalmartKd.Settings.model_fields[name].get_default()
    shown = "" if default in (None, RuntimeSettings()) or name == "model" else str(default)
    (row,) = re.findall(rf"^\| `{name}` \| (.*?) ?\| ", PAGE, re.MULTILINE)

    assert row == shown


def test_the_page_names_no_other_options():
    (table,) = re.findall(r"^\| option .*?\n\n", PAGE, re.MULTILINE | re.DOTALL)

    assert re.findall(r"^\| `(\w+)`", table, re.MULTILINE) == [*WalmartKd.Settings.model_fields]


def test_the_configurations_of_the_page_are_valid():
    slots = [
        slot
        for text in YAML.findall(PAGE)
        for role in ("filters", "rewards")
        for slot in yaml.safe_load(text)["pipelines"]["default"].get(role, ())
    ]

    assert len(slots) == 5
    for slot in slots:
        own = {key: value for key, value in slot.items() if key not in {"plugin", "tag"}}
        WalmartKd.Settings.model_validate(own)

import json
import subprocess
import sys
from dataclasses import replace

import pytest

from qrmiddleware import ConfigError
from qrmiddleware.testing.students import make_student
from qrmiddleware_rl_qr.versions.folder import STATE_FILE, VersionFolder
from qrmiddleware_rl_qr.versions.state import promote, try_out

SWITCH = """
import sys
from pathlib import Path
from qrmiddleware_rl_qr.versions.folder import VersionFolder
from qrmiddleware_rl_qr.versions.state import promote

folder = VersionFolder(Path(sys.argv[1]))
for _ in range(20):
    folder.change(lambda s: promote(s, "0002" if s.serving == "0001" else "0001"))
"""


def test_the_first_version_serves_and_later_ones_wait(versions):
    assert versions.names() == ("0001", "0002", "0003")
    assert versions.read().wanted == ("0001",)
    assert versions.read().events[0].what == "serving"


def test_only_generators_are_taken_in(versions, tmp_path):
    with pytest.raises(ConfigError, match="generator"):
        versions.add(make_student(tmp_path / "judge"))

    assert versions.names() == ("0001", "0002", "0003")
    assert not list(versions.path.glob(".draft-*"))


def test_what_is_no_version_cannot_be_named(versions):
    before = versions.read()

    with pytest.raises(ConfigError, match="no version '0009'; there are: 0001, 0002, 0003"):
        versions.change(lambda state: try_out(state, "0009", 0.1))
    assert versions.read() == before


def test_without_a_change_nothing_is_written(versions):
    stamp = versions.stamp()

    versions.change(replace)
    assert versions.stamp() == stamp

    versions.change(lambda state: promote(state, "0002"))
    assert versions.stamp() != stamp


def test_changes_of_several_processes_are_made_one_after_the_other(versions):
    command = [sys.executable, "-c", SWITCH, str(versions.path)]
    processes = [subprocess.Popen(command) for _ in range(2)]

    assert [process.wait(60) for process in processes] == [0, 0]
    events = versions.read().events
    assert [event.what for event in events] == ["serving"] + ["promoted"] * 40
    assert [event.version for event in events[1:]] == ["0002", "0001"] * 20


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", '{"serving": 1}', '{"serving": "0001", "canary": "0002", "share": 2}'],
)
def test_a_state_that_cannot_be_read_is_named(versions, content):
    (versions.path / STATE_FILE).write_text(content)

    with pytest.raises(ConfigError, match=r"state\.json"):
        versions.read()


def test_the_state_is_json_for_people(versions):
    text = (versions.path / STATE_FILE).read_text()

    assert json.loads(text)["serving"] == "0001"
    assert text.count("\n") > 5


def test_without_versions_it_says_what_to_do(tmp_path):
    folder = VersionFolder(tmp_path / "none")

    assert folder.names() == ()
    assert folder.stamp() is None
    with pytest.raises(ConfigError, match="versions add"):
        folder.read()

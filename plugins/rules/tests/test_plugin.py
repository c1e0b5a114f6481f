import os
import threading
from types import SimpleNamespace

import pytest
from pydantic import ValidationError

from qrmiddleware import ConfigError, Query, Rewrite
from qrmiddleware.testing import check_plugin
from qrmiddleware_rules import Rules, live


@pytest.fixture
def rules_file(tmp_path):
    path = tmp_path / "rules.txt"
    path.write_text("hose =>\n  SYNONYM: pipe\n", encoding="utf-8")
    return path


@pytest.fixture
def always_look(monkeypatch):
    monkeypatch.setattr(live, "_CHECK_EVERY_NS", 0)


EVERYTHING = """\
red shoe =>
    SYNONYM: trainer
    SYNONYM(0.5): boot
    UP(10): category:shoe
    DOWN: lace
    FILTER: -toy
word =>
    SYNONYM: term
    DELETE
a* =>
    UP: a $1
red AND NOT blue =>
    DELETE: red
"""


def started(**settings):
    plugin = Rules(Rules.Settings(**settings))
    plugin.qrm_startup()
    return plugin


def texts(plugin, query):
    return [one.text for one in plugin.qrm_rewrite(Query(query)) or ()]


def rewrite_file(path, text):
    path.write_text(text, encoding="utf-8")
    later = path.stat().st_mtime_ns + 5_000_000_000
    os.utime(path, ns=(later, later))


def test_proposes_what_the_files_say(rules_file, tmp_path):
    spelling = tmp_path / "spelling.txt"
    spelling.write_text("hsoe => hose", encoding="utf-8")
    plugin = started(path=str(rules_file), replace=[spelling])

    assert plugin.qrm_rewrite(Query("hsoe")) == [
        Rewrite("hose", replaces=True, note=f"{spelling.name}:1"),
        Rewrite("pipe", note=f"{rules_file.name}:1"),
    ]
    assert plugin.qrm_rewrite(Query("reel")) is None


def test_keeps_the_plugin_contract(rules_file, tmp_path):
    rules_file.write_text(EVERYTHING, encoding="utf-8")
    spelling = tmp_path / "spelling.txt"
    spelling.write_text("hsoe => hose\n*shoes => $1shoe\nthe =>\n", encoding="utf-8")

    check_plugin(
        Rules(Rules.Settings(path=rules_file, replace=spelling)),
        queries=["the red shoes", "red shoe hsoe", "the", "red"],
    )


def test_several_files_count_as_one(rules_file, tmp_path):
    other = tmp_path / "more.txt"
    other.write_text("\ufeffhose =>\n  SYNONYM: tube\n", encoding="utf-8")

    assert texts(started(path=[rules_file, other]), "hose") == ["pipe", "tube"]


def test_settings_reach_the_rules(rules_file):
    rules_file.write_text(
        "Hose =>\n SYNONYM: low\n @priority: 1\nHose =>\n SYNONYM: high\n @priority: 2\n"
        "Hose =>\n SYNONYM: other\n @priority: 3\n @tenant: 'b'",
        encoding="utf-8",
    )
    plugin = started(
        path=rules_file,
        ignore_case=False,
        where={"tenant": "a"},
        sort="priority desc",
        max_rules=1,
        limit=1,
    )

    assert texts(plugin, "hose") == []
    assert texts(plugin, "Hose") == ["high"]


@pytest.mark.parametrize(
    "settings",
    [{}, {"path": "r.txt", "limit": 0}, {"path": "r.txt", "sort": "priority"}, {"pth": "r.txt"}],
)
def test_settings_that_cannot_work_are_refused(settings):
    with pytest.raises(ValidationError):
        Rules.Settings(**settings)


def test_startup_reports_every_error_of_every_file(rules_file, tmp_path):
    other = tmp_path / "more.txt"
    other.write_text("hose =>\n PIPE\n UP\n", encoding="utf-8")
    spelling = tmp_path / "spelling.txt"
    spelling.write_text("hsoe\n", encoding="utf-8")

    with pytest.raises(ConfigError) as raised:
        started(path=[rules_file, other], replace=spelling)

    lines = str(raised.value).splitlines()
    assert [line.split(" error")[0] for line in lines] == [
        f"{other}:2:2:",
        f"{other}:3:4:",
        f"{spelling}:1:1:",
    ]


def test_startup_reports_a_missing_file(tmp_path):
    with pytest.raises(ConfigError, match=r"nowhere\.txt: cannot be read"):
        started(path=tmp_path / "nowhere.txt")


def test_startup_must_come_first(rules_file):
    with pytest.raises(RuntimeError, match="qrm_startup"):
        Rules(Rules.Settings(path=rules_file)).qrm_rewrite(Query("hose"))


@pytest.mark.usefixtures("always_look")
def test_a_changed_file_is_read_without_a_restart(rules_file):
    plugin = started(path=rules_file)

    rewrite_file(rules_file, "hose =>\n  SYNONYM: tube\n")

    assert texts(plugin, "hose") == ["tube"]


@pytest.mark.usefixtures("always_look")
def test_a_broken_change_is_raised_once_and_the_old_rules_stay(rules_file):
    plugin = started(path=rules_file)

    rewrite_file(rules_file, "hose =>\n  PIPE\n")

    with pytest.raises(ConfigError, match="those from before stay"):
        plugin.qrm_rewrite(Query("hose"))
    assert texts(plugin, "hose") == ["pipe"]

    rewrite_file(rules_file, "hose =>\n  SYNONYM: tube\n")
    assert texts(plugin, "hose") == ["tube"]


@pytest.mark.usefixtures("always_look")
def test_a_file_that_goes_away_is_raised_once_and_comes_back(rules_file):
    plugin = started(path=rules_file)
    text = rules_file.read_text(encoding="utf-8")

    rules_file.unlink()
    with pytest.raises(ConfigError, match="cannot be read"):
        plugin.qrm_rewrite(Query("hose"))
    assert texts(plugin, "hose") == ["pipe"]

    rules_file.write_text(text.replace("pipe", "tube"), encoding="utf-8")
    assert texts(plugin, "hose") == ["tube"]


def test_a_file_is_not_looked_at_more_than_once_a_second(rules_file, monkeypatch):
    now_ns = [0]
    monkeypatch.setattr(live, "time", SimpleNamespace(monotonic_ns=lambda: now_ns[0]))
    plugin = started(path=rules_file)

    rewrite_file(rules_file, "hose =>\n  SYNONYM: tube\n")
    now_ns[0] = 999_999_999
    soon = texts(plugin, "hose")
    now_ns[0] = 1_000_000_000

    assert (soon, texts(plugin, "hose")) == (["pipe"], ["tube"])


@pytest.mark.usefixtures("always_look")
def test_many_threads_see_either_the_old_or_the_new_rules(rules_file):
    plugin = started(path=rules_file)
    seen = set()
    threads = [
        threading.Thread(
            target=lambda: seen.update(tuple(texts(plugin, "hose")) for _ in range(50))
        )
        for _ in range(4)
    ]

    for thread in threads:
        thread.start()
    rewrite_file(rules_file, "hose =>\n  SYNONYM: tube\n")
    for thread in threads:
        thread.join()

    assert texts(plugin, "hose") == ["tube"]
    assert seen <= {("pipe",), ("tube",), ()}

import json

import pytest
from pydantic import ValidationError

from qrmiddleware import ConfigError, Query, Rewrite, Trace
from qrmiddleware.testing import check_plugin
from qrmiddleware_rewrite_table import RewriteTable
from qrmiddleware_rewrite_table.table import Entry

VARIABLE = "SHOP_REDIS"


def make(path, **options) -> RewriteTable:
    return RewriteTable(RewriteTable.Settings(path=path, **options))


def propose(plugin: RewriteTable, text: str) -> list[tuple[str, float]] | None:
    try:
        rewrites = plugin.qrm_rewrite(Query(text))
    finally:
        plugin.qrm_shutdown()
    return None if rewrites is None else [(r.text, r.weight) for r in rewrites]


def test_keeps_the_plugin_contract(table_path, tmp_path):
    plugin = make(table_path, misses=tmp_path / "misses")

    check_plugin(plugin, queries=["garden hoze", "sneekers"])


def test_proposes_the_best_rewrites_weighted_by_their_scores(table_path):
    plugin = make(table_path, limit=2, weight=0.5)

    assert propose(plugin, "Garden  Hoze") == [("garden hose", 0.45), ("water hose", 0.25)]


def test_says_which_score_a_rewrite_has(table_path):
    plugin = make(table_path, limit=1)

    assert plugin.qrm_rewrite(Query("sneekers")) == [
        Rewrite("sneakers", weight=0.8, note="score 0.8")
    ]
    plugin.qrm_shutdown()


def test_leaves_out_rewrites_below_the_least_score(table_path):
    assert propose(make(table_path, min_score=0.5), "garden hoze") == [
        ("garden hose", 0.9),
        ("water hose", 0.5),
    ]
    assert propose(make(table_path, min_score=2), "garden hoze") is None


def test_has_no_opinion_on_a_query_that_the_table_does_not_know(table_path):
    assert propose(make(table_path), "bicycle") is None


@pytest.mark.parametrize(("score", "weight"), [(7.0, 1.0), (0.0, 0.01), (-3.5, 0.01), (0.3, 0.3)])
def test_a_weight_stays_within_bounds_whatever_the_score(write, score, weight):
    assert propose(make(write([Entry("hat", "cap", score)])), "hat") == [("cap", weight)]


def test_does_not_start_without_its_table(tmp_path):
    with pytest.raises(ConfigError, match="qrm table import"):
        make(tmp_path / "none.sqlite").qrm_startup()


def test_does_not_start_where_it_cannot_log_misses(table_path, tmp_path):
    plugin = make(table_path, misses=tmp_path / "no" / "misses")

    with pytest.raises(ConfigError, match="log of misses"):
        plugin.qrm_startup()
    plugin.qrm_shutdown()


def test_logs_what_was_asked_and_not_found(table_path, tmp_path):
    log = tmp_path / "misses"
    plugin = make(table_path, misses=log, min_score=2)

    for text, outcome in (
        ("Bicycle", "handled"),
        ("bicycle ", "no plugin proposed anything"),
        ("garden hoze", "handled"),
        ("", "the text uses query operators"),
    ):
        plugin.qrm_observe(Trace(Query(text, index="shop"), "default", outcome))
    plugin.qrm_shutdown()

    (line,) = log.read_text().splitlines()
    assert json.loads(line)["query"] == "Bicycle"


@pytest.mark.parametrize("options", [{}, {"path": "a.sqlite", "redis": "redis://:hush@b"}])
def test_wants_a_file_or_redis_and_not_both(options):
    with pytest.raises(ValidationError, match="give either 'path'") as caught:
        RewriteTable.Settings(**options)

    assert "hush" not in str(caught.value)


def test_refuses_an_url_that_is_none_without_repeating_it():
    settings = RewriteTable.Settings(redis="http://:hush@host")

    with pytest.raises(ConfigError, match="redis://host:6379/0") as caught:
        RewriteTable(settings)

    assert "hush" not in f"{caught.value}{settings!r}"


def test_wants_the_password_in_the_environment_that_was_named(monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    plugin = RewriteTable(RewriteTable.Settings(redis="redis://host", redis_password_env=VARIABLE))

    with pytest.raises(ConfigError, match="export SHOP_REDIS"):
        plugin.qrm_startup()

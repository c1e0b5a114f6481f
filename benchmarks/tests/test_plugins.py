import subprocess
import sys
from contextlib import suppress

import pytest

from qrmiddleware import Query
from qrmiddleware.testing import check_plugin, make_hits
from qrmiddleware_benchmarks.plugins import (
    ENTRY_POINTS,
    Broken,
    Slow,
    WordFilter,
    WordReward,
    installed,
)


@pytest.mark.parametrize("plugin", [WordFilter, WordReward])
def test_the_well_behaved_keep_the_contract(plugin):
    check_plugin(plugin(plugin.Settings()))


def test_hits_without_a_word_of_the_query_are_flagged_unless_all_are():
    plugin = WordFilter(WordFilter.Settings())

    assert plugin.qrm_filter(Query("red shoe"), make_hits("red hat", "blue")) == [True, False]
    assert plugin.qrm_filter(Query("sock"), make_hits("red hat", "blue")) == [True, True]


def test_short_titles_are_rewarded():
    plugin = WordReward(WordReward.Settings())

    rewards = plugin.qrm_reward(Query("phone"), make_hits("phone case", "phone", ""))

    assert rewards == [0.5, 1.0, 0.0]


def test_the_slow_one_has_no_opinion_and_the_broken_one_fails():
    assert Slow(Slow.Settings(sleep_ms=1)).qrm_rewrite(Query("a")) is None
    with pytest.raises(RuntimeError, match="out of order"):
        Broken(Broken.Settings()).qrm_rewrite(Query("a"))


def test_only_the_processes_of_a_benchmark_find_them(tmp_path):
    program = (
        "from importlib.metadata import entry_points; "
        "print(*[each.load().__name__ for each in entry_points(group='qrmiddleware') "
        "if each.name.startswith('bench_')])"
    )

    with suppress(FileExistsError):
        installed(tmp_path)
    found = [
        subprocess.check_output([sys.executable, "-c", program], text=True, env=env).split()
        for env in (None, installed(tmp_path))
    ]

    assert found[0] == []
    assert sorted(found[1]) == sorted(ENTRY_POINTS.values())

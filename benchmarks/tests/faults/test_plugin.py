"""The plugin that misbehaves does so as often as it is told."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from qrmiddleware_benchmarks.faults.plugin import Faulty, taken


@pytest.fixture
def mood(tmp_path):
    return tmp_path / "mood"


def moods(path, calls=8):
    """Ask plugins as of several workers for their mood, all at once."""
    plugins = [Faulty(Faulty.Settings(mood=path)) for _ in range(calls)]
    barrier = Barrier(calls)

    def ask(plugin):
        barrier.wait(10)
        return plugin._current()

    with ThreadPoolExecutor(calls) as pool:
        return sorted(pool.map(ask, plugins))


def test_a_mood_lasts(mood):
    mood.write_text("raises")

    assert moods(mood) == ["raises"] * 8


def test_one_call_has_a_mood_that_passes_and_no_other_sees_anything_of_it(mood):
    for _ in range(50):
        mood.write_text("crashes")
        taken(mood).unlink(missing_ok=True)

        assert moods(mood) == ["crashes", *["fine"] * 7]

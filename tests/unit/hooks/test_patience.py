import threading
from time import perf_counter

from qrmiddleware import patience
from qrmiddleware.hooks.patience import Patience


def test_outside_of_a_search_patience_never_ends():
    assert patience().wanted()
    assert patience().left_s() == float("inf")


def test_a_hook_finds_the_patience_of_its_own_search():
    mine = Patience()

    assert mine.call(patience) is mine
    assert patience() is not mine


def test_patience_is_found_inside_only_even_if_the_hook_raises():
    mine = Patience()

    try:
        mine.call(lambda: 1 / 0)
    except ZeroDivisionError:
        assert patience() is not mine


def test_patience_ends_at_its_deadline(monkeypatch):
    short = Patience(perf_counter() + 100)

    before = short.wanted(), short.left_s()
    monkeypatch.setattr("qrmiddleware.hooks.patience.perf_counter", lambda: perf_counter() + 101)

    assert before[0]
    assert 0 < before[1] <= 100
    assert not short.wanted()
    assert short.left_s() == 0.0


def test_patience_that_is_lost_does_not_come_back():
    long = Patience(perf_counter() + 100)

    long.lose()

    assert not long.wanted()
    assert long.left_s() == 0.0


def test_each_thread_has_the_patience_of_what_it_is_asked():
    both = threading.Barrier(2)
    found = {}

    def hook(name):
        both.wait(5)
        found[name] = patience()

    own = {name: Patience() for name in "ab"}
    threads = [
        threading.Thread(target=own[name].call, args=(lambda name=name: hook(name),))
        for name in own
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(5)

    assert found == own

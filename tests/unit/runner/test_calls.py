import threading
import time
from concurrent.futures import CancelledError

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qrmiddleware import OverloadError, PluginError, patience
from qrmiddleware.runner.calls import (
    Breaker,
    Member,
    Pace,
    collect,
    degraded,
    start_call,
)
from qrmiddleware.runner.pool import PluginPool


class Clock:
    """Seconds that pass when told to."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def pool():
    pool = PluginPool(threads=2, queue=1)
    yield pool
    pool.close()


def member(name="a", *, timeout_s=None, ignore_failure=True, breaker=None):
    return Member(name, timeout_s, ignore_failure, breaker or Breaker(3, 10))


def settled(*calls):
    for call in calls:
        if call.future is not None:
            call.future.exception(timeout=5)
    return collect(list(calls), "qrm_rewrite")


def test_a_breaker_opens_after_failures_in_a_row(clock):
    breaker = Breaker(3, 10, clock)

    for success in (False, False, True, False, False):
        assert breaker.admits()
        breaker.note(success=success)
    assert not breaker.is_open
    breaker.note(success=False)

    assert breaker.is_open
    assert not breaker.admits()


def test_an_open_breaker_lets_one_call_try_after_a_while(clock):
    breaker = Breaker(1, 10, clock)
    breaker.note(success=False)
    clock.now = 9.9
    assert not breaker.admits()

    clock.now = 10

    assert not breaker.is_open
    assert [breaker.admits() for _ in range(3)] == [True, False, False]


def test_a_trial_closes_the_breaker_or_keeps_it_open(clock):
    good, bad = Breaker(1, 10, clock), Breaker(1, 10, clock)
    for breaker in (good, bad):
        breaker.note(success=False)
    clock.now = 10
    assert good.admits()
    assert bad.admits()

    good.note(success=True)
    bad.note(success=False)

    assert good.admits()
    assert not bad.admits()
    clock.now = 19.9
    assert not bad.admits()
    clock.now = 20
    assert bad.admits()


def test_a_trial_of_which_nothing_was_heard_is_made_again(clock):
    breaker = Breaker(1, 10, clock)
    breaker.note(success=False)
    clock.now = 10
    assert breaker.admits()

    clock.now = 20

    assert breaker.admits()


@given(st.lists(st.booleans(), max_size=20), st.integers(1, 4))
def test_a_breaker_is_open_just_when_the_last_calls_all_failed(calls, failures):
    breaker = Breaker(failures, 10, Clock())

    for success in calls:
        breaker.note(success=success)

    assert breaker.is_open == (len(calls) >= failures and not any(calls[-failures:]))


def test_opinions_are_collected_by_member_and_every_call_is_noted(pool):
    calls = [
        start_call(pool, member("a"), lambda: [1]),
        start_call(pool, member("b"), lambda: None),
    ]

    opinions, records = settled(*calls)

    assert opinions == {"a": [1]}
    assert [(r.plugin, r.hook, r.status, r.problem) for r in records] == [
        ("a", "qrm_rewrite", "success", ""),
        ("b", "qrm_rewrite", "no_opinion", ""),
    ]
    assert all(record.duration_ms >= 0 for record in records)
    assert degraded(records) == {}


def test_a_failure_costs_only_the_opinion(pool):
    def fail():
        raise PluginError("a", "qrm_rewrite", "raised ValueError('no')")

    opinions, records = settled(
        start_call(pool, member("a"), fail), start_call(pool, member("b"), lambda: [2])
    )

    assert opinions == {"b": [2]}
    assert (records[0].status, records[0].problem) == ("error", "raised ValueError('no')")
    assert degraded(records) == {"a": "error"}


def test_a_failure_that_must_not_be_ignored_is_raised(pool):
    def fail():
        raise PluginError("a", "qrm_rewrite", "no table")

    with pytest.raises(PluginError, match=r"^plugin 'a', hook qrm_rewrite: no table$"):
        settled(start_call(pool, member("a", ignore_failure=False), fail))


def test_an_answer_that_has_not_come_is_given_up():
    pool = PluginPool(threads=1, queue=1)
    gate = threading.Event()
    calls = [start_call(pool, member(name), gate.wait) for name in ("a", "b")]

    opinions, records = collect(calls, "qrm_rewrite")

    assert opinions == {}
    assert degraded(records) == {"a": "timeout", "b": "timeout"}
    assert calls[1].future.cancelled()
    gate.set()
    pool.close()


def test_who_is_not_asked_is_reported_with_the_reason(pool, clock):
    gate = threading.Event()
    for _ in range(3):
        pool.submit(gate.wait, "somebody")
    broken = Breaker(1, 10, clock)
    broken.note(success=False)

    calls = [
        start_call(pool, member("full"), list),
        start_call(pool, member("off", breaker=broken), list),
    ]
    _, records = collect(calls, "qrm_rewrite")

    assert degraded(records) == {"full": "saturated", "off": "open_circuit"}
    gate.set()


def test_a_full_pool_does_not_open_the_circuit(clock):
    pool = PluginPool(threads=1, queue=0)
    gate = threading.Event()
    pool.submit(gate.wait, "somebody")
    breaker = Breaker(1, 10, clock)

    collect([start_call(pool, member(breaker=breaker), list)], "qrm_rewrite")

    assert not breaker.is_open
    gate.set()
    pool.close()


def test_timeouts_and_errors_open_the_circuit(pool, clock):
    breaker = Breaker(2, 10, clock)

    for _ in range(2):
        settled(start_call(pool, member(breaker=breaker), lambda: 1 / 0))
    _, records = collect([start_call(pool, member(breaker=breaker), list)], "qrm_rewrite")

    assert records[0].status == "open_circuit"


@pytest.mark.parametrize(("own", "limit"), [(None, 0.05), (0.02, 0.02), (1.0, 0.05)])
def test_a_member_may_take_its_own_time_but_no_more_than_its_share(own, limit):
    assert member(timeout_s=own).limit(0.05) == limit


def test_who_answers_at_once_is_asked_where_it_is_waited_for(pool):
    where = []

    call = start_call(
        pool, member(), lambda: where.append(threading.current_thread()) or [1], instant=True
    )

    assert where == [threading.current_thread()]
    opinions, (record,) = collect([call], "qrm_rewrite")
    assert opinions == {"a": [1]}
    assert record.status == "success"


def test_the_error_of_who_answers_at_once_is_its_own(pool):
    call = start_call(pool, member(), lambda: 1 / 0, instant=True)

    _, (record,) = collect([call], "qrm_rewrite")

    assert record.status == "error"


def test_who_is_slow_again_and_again_is_not_believed_any_more():
    pace = Pace(limit_s=0.005, patience=3)

    for elapsed_s in (0.1, 0.1, 0.001, 0.1, 0.1):
        pace.note(elapsed_s)
    still = pace.believed
    pace.note(0.1)

    assert still
    assert not pace.believed


def test_who_is_not_believed_is_asked_in_the_pool(pool):
    slow = member()
    for _ in range(3):
        slow.pace.note(1.0)
    where = []

    settled(start_call(pool, slow, lambda: where.append(threading.current_thread()), instant=True))

    assert where != [threading.current_thread()]


@pytest.mark.parametrize("instant", [False, True])
def test_a_plugin_can_see_how_long_its_answer_is_wanted(pool, instant):
    call = start_call(
        pool,
        member(timeout_s=9.0),
        lambda: [patience().wanted(), patience().left_s()],
        instant=instant,
        share_s=50.0,
    )

    (opinions, _) = settled(call)

    wanted, left_s = opinions["a"]
    assert wanted
    assert 8.0 < left_s <= 9.0


def test_a_plugin_learns_that_it_was_given_up(pool):
    begun, seen = threading.Event(), []

    def work():
        begun.set()
        while patience().wanted():
            time.sleep(0.001)
        seen.append(patience().left_s())
        raise CancelledError

    call = start_call(pool, member(), work)
    assert begun.wait(5)
    _, (record,) = collect([call], "qrm_reward")

    assert isinstance(call.future.exception(5), CancelledError)
    assert seen == [0.0]
    assert (record.status, record.problem) == ("timeout", "no answer in time")


def test_giving_up_what_has_not_begun_means_that_it_never_does():
    pool = PluginPool(threads=1, queue=1)
    gate = threading.Event()
    pool.submit(gate.wait, "somebody")
    ran = []
    waiting = start_call(pool, member(), lambda: ran.append(1))

    waiting.give_up()
    gate.set()
    pool.close()

    assert waiting.future.cancelled()
    assert ran == []


def test_an_answer_that_has_come_is_not_given_up(pool):
    call = start_call(pool, member(), lambda: [1])
    call.future.result(5)

    call.give_up()

    assert call.patience.wanted()
    assert collect([call], "qrm_reward")[0] == {"a": [1]}


@pytest.mark.parametrize("instant", [False, True])
def test_who_has_no_room_is_saturated_and_not_broken(pool, clock, instant):
    breaker = Breaker(1, 10, clock)

    def refuse():
        raise OverloadError("2048 rows are waiting, more than max_waiting = 2000")

    _, (record,) = settled(start_call(pool, member(breaker=breaker), refuse, instant=instant))

    assert (record.status, degraded([record])) == ("saturated", {"a": "saturated"})
    assert record.problem == "2048 rows are waiting, more than max_waiting = 2000"
    assert not breaker.is_open


def test_having_no_room_does_not_make_up_for_failures(pool, clock):
    breaker = Breaker(2, 10, clock)

    def refuse():
        raise OverloadError("full")

    for work in (lambda: 1 / 0, refuse, lambda: 1 / 0):
        settled(start_call(pool, member(breaker=breaker), work))

    assert breaker.is_open


def test_having_no_room_fails_the_search_where_the_plugin_must_not_be_skipped(pool):
    def refuse():
        raise OverloadError("full")

    with pytest.raises(PluginError, match="full"):
        settled(start_call(pool, member(ignore_failure=False), refuse))


def test_cancelling_work_whose_time_is_over_is_being_late(pool, clock):
    breaker = Breaker(1, 10, clock)

    def work():
        raise CancelledError

    call = start_call(pool, member(breaker=breaker), work, share_s=0.0)
    call.future.exception(5)
    _, (record,) = collect([call], "qrm_reward", hurried=True)

    assert record.status == "timeout"
    assert not breaker.is_open


def test_cancelling_work_that_is_wanted_is_an_error(pool):
    def work():
        raise CancelledError

    _, (record,) = settled(start_call(pool, member(), work))

    assert (record.status, record.problem) == ("error", "CancelledError()")

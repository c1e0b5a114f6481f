from concurrent.futures import CancelledError
from threading import Event, Thread

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qrmiddleware.errors import OverloadError
from qrmiddleware.students.batches import Row
from qrmiddleware.students.queueing import Queue

PATIENCE_S = 10


def always():
    return True


def rows(*lengths):
    return [Row((number,) * length, (0,) * length) for number, length in enumerate(lengths)]


def make_queue(*, workers=1, batch_tokens=1000, max_waiting=1000):
    return Queue(workers=workers, batch_tokens=batch_tokens, max_waiting=max_waiting)


def compute(queue, parts):
    """What a worker does; a row's vector is its first token."""
    for part in parts:
        queue.finish(part, np.array([[row.ids[0]] for row in part.rows], dtype=np.float32))


def drain(queue):
    while queue.counts().waiting:
        compute(queue, queue.take())


def test_a_call_gets_its_vectors_in_the_order_of_its_rows():
    queue = make_queue(batch_tokens=8)
    future = queue.submit(rows(2, 7, 1, 3), always)

    drain(queue)

    assert future.result(0).tolist() == [[0], [1], [2], [3]]


def test_a_lone_call_is_spread_over_all_workers_at_once():
    queue = make_queue(workers=2)
    queue.submit(rows(*[20] * 100), always)

    sizes = [sum(len(part.places) for part in queue.take()) for _ in range(3)]

    assert sizes == [50, 25, 25]


def test_calls_that_wait_share_a_batch():
    queue = make_queue()
    futures = [queue.submit(rows(3), always) for _ in range(5)]

    compute(queue, queue.take())

    assert all(future.done() for future in futures)
    assert (queue.counts().batches, queue.counts().merged) == (1, 1)


@given(
    st.lists(st.lists(st.integers(1, 50), min_size=1, max_size=20), min_size=1, max_size=8),
    st.integers(1, 4),
    st.integers(1, 200),
)
def test_every_row_is_taken_once_and_no_batch_exceeds_the_budget_with_its_padding(
    calls, workers, budget
):
    queue = make_queue(workers=workers, batch_tokens=budget)
    futures = [queue.submit(rows(*lengths), always) for lengths in calls]

    while queue.counts().waiting:
        parts = queue.take()
        taken = [len(row.ids) for part in parts for row in part.rows]
        assert len(taken) == 1 or len(taken) * max(taken) <= budget
        compute(queue, parts)

    for future, lengths in zip(futures, calls, strict=True):
        assert future.result(0)[:, 0].tolist() == list(range(len(lengths)))
    assert queue.counts().rows == sum(map(len, calls))


def test_a_search_passes_a_long_job_that_came_before():
    queue = make_queue(batch_tokens=100)
    job = queue.submit(rows(*[10] * 100), always)
    compute(queue, queue.take())
    search = queue.submit(rows(*[10] * 10), always)

    compute(queue, queue.take())

    assert search.done()
    assert not job.done()


def test_a_long_job_is_done_though_searches_never_stop():
    queue = make_queue(batch_tokens=100)
    job = queue.submit(rows(*[10] * 100), always)
    batches = 0
    while not job.done():
        queue.submit(rows(*[10] * 10), always)
        compute(queue, queue.take())
        batches += 1

    assert batches == 19, "10 of its own, and 9 others before its turn came"


def test_equal_calls_are_served_in_turn():
    queue = make_queue(batch_tokens=10)
    first, second = (queue.submit(rows(10), always) for _ in range(2))

    compute(queue, queue.take())

    assert (first.done(), second.done()) == (True, False)


def test_too_many_waiting_rows_are_refused_at_once_with_the_numbers():
    queue = make_queue(max_waiting=5)
    waits = queue.submit(rows(1, 1, 1), always)

    with pytest.raises(OverloadError, match=r"3 rows wait .* 3 more .* max_waiting = 5"):
        queue.submit(rows(1, 1, 1), always)

    assert queue.counts().refused == 1
    drain(queue)
    assert waits.done()


def test_a_call_that_finds_nobody_waiting_is_never_too_large():
    queue = make_queue(max_waiting=5)

    future = queue.submit(rows(*[1] * 9), always)

    drain(queue)
    assert len(future.result(0)) == 9


def test_rows_of_a_caller_that_gave_up_are_not_computed():
    queue = make_queue(batch_tokens=10)
    gone = queue.submit(rows(10, 10), lambda: False)
    stays = queue.submit(rows(9), always)

    compute(queue, queue.take())

    assert stays.done()
    with pytest.raises(CancelledError):
        gone.result(0)
    counts = queue.counts()
    assert (counts.rows, counts.cancelled, counts.waiting) == (1, 1, 0)


def test_a_caller_that_gives_up_in_the_middle_is_told_at_the_next_batch():
    queue = make_queue(batch_tokens=10)
    wanted = Event()
    wanted.set()
    future = queue.submit(rows(10, 10, 10), wanted.is_set)
    running = queue.take()

    wanted.clear()
    queue.submit(rows(1), always)
    compute(queue, queue.take())

    assert future.cancelled()
    compute(queue, running)
    assert queue.counts().cancelled == 1


def test_a_caller_whose_question_fails_gets_that_error_and_nobody_else_does():
    queue = make_queue()
    broken = queue.submit(rows(1), lambda: 1 / 0)
    fine = queue.submit(rows(1), always)

    compute(queue, queue.take())

    assert fine.done()
    with pytest.raises(ZeroDivisionError):
        broken.result(0)
    assert queue.counts().failed == 1


def test_a_call_that_failed_leaves_the_queue():
    queue = make_queue(batch_tokens=10)
    future = queue.submit(rows(10, 10), always)
    (part,) = queue.take()

    queue.fail(part.call, ValueError("broken"))

    assert queue.counts().waiting == 0
    with pytest.raises(ValueError, match="broken"):
        future.result(0)


def test_closing_cancels_what_waits_and_lets_what_is_computed_be_finished():
    queue = make_queue(batch_tokens=10)
    runs = queue.submit(rows(10), always)
    running = queue.take()
    waits = queue.submit(rows(10), always)

    queue.close()
    compute(queue, running)

    assert runs.done()
    assert not runs.cancelled()
    assert waits.cancelled()
    assert queue.take() is None
    with pytest.raises(RuntimeError, match="closed"):
        queue.submit(rows(1), always)


def test_a_worker_that_waits_is_woken_by_rows_and_by_closing():
    queue, computed, ended = make_queue(), Event(), Event()

    def work():
        while (parts := queue.take()) is not None:
            compute(queue, parts)
            computed.set()
        ended.set()

    Thread(target=work, daemon=True).start()

    assert queue.submit(rows(4), always).result(PATIENCE_S).shape == (1, 1)
    assert computed.wait(PATIENCE_S)
    queue.close()
    assert ended.wait(PATIENCE_S)


def test_a_smaller_team_is_reckoned_with_from_then_on():
    queue = make_queue(workers=4)
    queue.resize(workers=1, batch_tokens=60)
    queue.submit(rows(*[20] * 6), always)

    assert sum(len(part.places) for part in queue.take()) == 3

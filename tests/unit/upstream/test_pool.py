"""Nodes in turn, and those that failed."""

import time
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qrmiddleware.upstream.pool import NodePool

NODES = ("a", "b", "c")


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def pool(clock):
    return NodePool(NODES, rest_s=1.0, longest_rest_s=4.0, clock=clock)


def chosen(pool, count):
    return Counter(pool.choose() for _ in range(count))


def test_nodes_are_chosen_in_turn(pool):
    assert chosen(pool, 9) == {"a": 3, "b": 3, "c": 3}


def test_time_is_that_of_a_clock_that_nobody_sets():
    assert NodePool(NODES, rest_s=1.0, longest_rest_s=4.0).clock is time.monotonic


def test_a_node_that_failed_rests(pool, clock):
    pool.note_failure("a")
    clock.now += 0.9

    assert chosen(pool, 8) == {"b": 4, "c": 4}
    assert pool.any_well


def test_one_request_tries_a_node_that_has_rested(pool, clock):
    pool.note_failure("a")
    clock.now += 1.0

    assert chosen(pool, 9)["a"] == 1


def test_a_node_that_answers_is_chosen_again(pool, clock):
    pool.note_failure("a")
    clock.now += 1.0
    pool.choose()
    pool.note_answer("a")

    assert chosen(pool, 9)["a"] == 3


def test_a_node_that_fails_again_rests_twice_as_long_up_to_a_bound(pool, clock):
    rests = []
    for _ in range(5):
        pool.note_failure("a")
        began = clock.now
        while pool.choose() != "a":
            clock.now += 0.25
        rests.append(clock.now - began)

    assert rests == [1.0, 2.0, 4.0, 4.0, 4.0]


def test_many_requests_that_a_node_failed_at_once_are_one_failure(pool, clock):
    for _ in range(50):
        pool.note_failure("a")
    clock.now += 1.0

    assert pool.choose() == "a"


def test_a_trial_that_nobody_tells_of_is_followed_by_another(pool, clock):
    pool.note_failure("a")
    clock.now += 1.0
    chosen(pool, 5)
    clock.now += 1.0

    assert chosen(pool, 5)["a"] == 1


def test_where_all_have_failed_all_are_asked_in_turn(pool):
    for node in NODES:
        pool.note_failure(node)

    assert chosen(pool, 9) == {"a": 3, "b": 3, "c": 3}
    assert not pool.any_well


def test_an_outage_of_all_does_not_lengthen_the_rest_of_each(pool, clock):
    for node in NODES:
        pool.note_failure(node)
    for _ in range(50):
        pool.note_failure(pool.choose())
    clock.now += 1.0
    pool.note_answer("b")
    pool.note_answer("c")

    assert chosen(pool, 9)["a"] == 1


@given(st.lists(st.tuples(st.sampled_from(NODES), st.sampled_from("fay")), max_size=60))
def test_there_is_always_a_node_and_a_well_one_where_there_is_one(events):
    clock = Clock()
    pool = NodePool(NODES, rest_s=1.0, longest_rest_s=4.0, clock=clock)
    well = set(NODES)
    for node, event in events:
        if event == "f":
            pool.note_failure(node)
            well.discard(node)
        elif event == "a":
            pool.note_answer(node)
            well.add(node)
        else:
            clock.now += 0.3

    trials = [pool.choose() for _ in range(9)]

    assert set(trials) <= set(NODES)
    assert not well or set(trials[3:]) <= well

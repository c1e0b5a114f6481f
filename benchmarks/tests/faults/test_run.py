"""What is made of what clients saw."""

from qrmiddleware_benchmarks.faults.matrix import CELLS
from qrmiddleware_benchmarks.faults.run import outcome_of
from qrmiddleware_benchmarks.faults.stream import Seen

RAISES = next(cell for cell in CELLS if cell.name == "a plugin raises")
REFUSES = next(cell for cell in CELLS if cell.name == "the engine answers 503")
LASTED = (10.0, 12.0)


def seen(due_s, saw, took_s=0.1, *, first=None):
    return Seen(due_s, due_s + took_s, first or saw, saw, 1 if first is None else 2)


def outcome(cell, *searches, recovers=True):
    return outcome_of(cell, searches, LASTED, 1.0, recovers=recovers)


def test_searches_count_from_the_fault_until_all_is_as_before():
    found = outcome(
        RAISES,
        seen(9.0, "200"),
        seen(9.95, "200"),
        seen(11.0, "200 faulty=error"),
        seen(12.4, "200 faulty=open_circuit"),
        seen(13.0, "200"),
    )

    assert found.searches == 3
    assert dict(found.saw) == {
        "200": 1,
        "200 faulty=error": 1,
        "200 faulty=open_circuit": 1,
    }
    assert found.recovered_s == 0.5


def test_what_is_as_before_at_the_end_of_the_fault_recovered_at_once():
    assert outcome(RAISES, seen(11.0, "200 faulty=error")).recovered_s == 0.0


def test_what_never_is_as_before_never_recovered():
    assert outcome(RAISES, seen(13.0, "503"), recovers=False).recovered_s is None


def test_a_search_without_an_answer_is_lost_if_the_engine_had_one():
    searches = [seen(11.0, "503"), seen(12.5, "503")]

    assert outcome(RAISES, *searches).lost == 2
    assert outcome(REFUSES, *searches).lost == 1


def test_a_search_that_was_asked_again_is_not_lost():
    found = outcome(RAISES, seen(11.0, "200", 0.5, first="broken off"))

    assert (found.lost, found.asked_again, dict(found.saw)) == (0, 1, {"broken off": 1})
    assert found.slowest_s == 0.5


def test_as_long_as_clients_have_to_ask_again_all_is_not_as_before():
    searches = [seen(12.2, "200", 0.9, first="refused"), seen(12.4, "200")]

    assert outcome(RAISES, *searches).recovered_s == 0.2

"""What a collection keeps, and which queries it refuses."""

import pytest

from qrmiddleware.evaluation.collection import (
    JudgedQueries,
    JudgedQuery,
    LeakError,
    exponential_gains,
)

LAPTOP = JudgedQuery("q1", "laptop", fold=0)
TONER = JudgedQuery("q2", "toner", fold=1)
CABLE = JudgedQuery("q3", "cable")
JUDGED = JudgedQueries((LAPTOP, TONER, CABLE), {"q1": {"a": 3, "b": 0}, "q2": {"a": 0}})


def test_gains_grow_exponentially():
    assert dict(exponential_gains(3)) == {0: 0.0, 1: 1.0, 2: 3.0, 3: 7.0}


def test_knows_what_is_relevant_for_every_query():
    assert JUDGED.relevant == {"q1": {"a"}, "q2": frozenset(), "q3": frozenset()}


def test_keeps_queries_that_have_anything_relevant():
    assert JUDGED.with_relevant().queries == (LAPTOP,)


def test_keeps_queries_of_some_folds():
    assert JUDGED.in_folds([1]).queries == (TONER,)


def test_names_the_folds_that_there_are():
    with pytest.raises(ValueError, match="no query is in fold 7; there is 0, 1"):
        JUDGED.in_folds([0, 7])


def test_a_model_may_be_measured_on_folds_it_has_not_seen():
    JUDGED.in_folds([1]).refuse_leaks([0, 2], model="students/margin")


def test_a_query_of_a_seen_fold_is_a_leak():
    with pytest.raises(LeakError, match=r"students/margin .* q1 \('laptop'\), which is in fold 0"):
        JUDGED.in_folds([0, 1]).refuse_leaks([0], model="students/margin")


def test_a_query_of_no_fold_may_be_a_leak():
    with pytest.raises(LeakError, match="in no fold"):
        JUDGED.only([CABLE]).refuse_leaks([0], model="students/margin")


def test_nothing_leaks_into_what_was_not_trained():
    JUDGED.refuse_leaks([], model="rules")

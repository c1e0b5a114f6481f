from hypothesis import given
from hypothesis import strategies as st

from qrmiddleware_benchmarks.students.shapes import SHAPES, Task
from qrmiddleware_benchmarks.students.workloads import Workload, draw_batch, workloads

CROSS = next(shape for shape in SHAPES if shape.task is Task.CROSS_ENCODER)
BI = next(shape for shape in SHAPES if shape.task is Task.BI_ENCODER)
GENERATOR = next(shape for shape in SHAPES if shape.task is Task.GENERATOR)


@given(st.sampled_from(SHAPES), st.integers(1, 120), st.integers(5, 60), st.integers(0, 9))
def test_a_batch_holds_what_was_ordered(shape, rows, tokens, seed):
    batch = draw_batch(shape, Workload(rows, tokens), seed=seed)

    assert len(batch.ids) == rows
    assert sum(batch.lengths) == rows * tokens
    assert all(0.6 * tokens - 1 <= length <= 1.4 * tokens + 1e-9 for length in batch.lengths)
    assert all(0 <= each < shape.vocabulary for ids in batch.ids for each in ids)
    assert [len(types) for types in batch.types] == batch.lengths


def test_pairs_are_a_query_and_a_longer_title_between_markers():
    batch = draw_batch(CROSS, Workload(1, 20), seed=0)
    (ids,), (types,) = batch.ids, batch.types

    assert (ids[0], ids[-1]) == (2, 3)
    assert types == [0] * 6 + [1] * 14


def test_pairs_differ_in_length_and_prompts_do_not():
    assert len(set(draw_batch(CROSS, Workload(100, 20), seed=0).lengths)) > 5
    assert set(draw_batch(GENERATOR, Workload(8, 16), seed=0).lengths) == {16}


def test_the_same_seed_draws_the_same_batch():
    assert draw_batch(BI, Workload(8, 8), seed=1) == draw_batch(BI, Workload(8, 8), seed=1)
    assert draw_batch(BI, Workload(8, 8), seed=1) != draw_batch(BI, Workload(8, 8), seed=2)


def test_cross_encoders_are_asked_for_pairs_and_the_others_for_queries():
    asked = {"pairs": (1, 100), "queries": (8,), "tokens": (20, 39)}

    assert workloads(CROSS, **asked) == [
        Workload(1, 20),
        Workload(100, 20),
        Workload(1, 39),
        Workload(100, 39),
    ]
    assert workloads(BI, **asked) == [Workload(8, 8)]
    assert workloads(GENERATOR, **asked) == [Workload(8, 16)]

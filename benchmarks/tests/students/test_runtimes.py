import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from qrmiddleware_benchmarks.students.runtimes import padded, unit_means
from qrmiddleware_benchmarks.students.workloads import Batch


@given(st.lists(st.lists(st.integers(1, 99), min_size=1, max_size=9), min_size=1, max_size=9))
def test_padding_adds_zeros_and_nothing_else(rows):
    ids, mask, types = padded(Batch(rows, [[1] * len(row) for row in rows]))

    assert [row[row > 0].tolist() for row in ids] == rows
    assert (mask == (ids > 0)).all()
    assert (types == mask).all()
    assert ids.shape == (len(rows), max(map(len, rows)))


def test_means_leave_padding_out_and_have_length_one():
    hidden = np.array([[[3, 0], [0, 4], [9, 9]], [[0, 2], [0, 2], [0, 2]]], dtype=np.float32)

    found = unit_means(hidden, [2, 3])

    assert np.allclose(found, [[0.6, 0.8], [0, 1]])

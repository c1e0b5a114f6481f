import numpy as np
import pytest

from qrmiddleware_benchmarks.students.costs import Precision
from qrmiddleware_benchmarks.students.errors import StudentsError
from qrmiddleware_benchmarks.students.parity import Agreement, agreement

REFERENCE = np.linspace(-1, 1, 40, dtype=np.float32)


def test_float32_may_differ_by_rounding():
    found = agreement("x", Precision.FLOAT32, REFERENCE + 1e-4, REFERENCE)

    assert found.difference == pytest.approx(1e-4, rel=1e-2)
    assert found.correlation == pytest.approx(1)


def test_float32_that_differs_by_more_fails_naming_the_runtime():
    with pytest.raises(StudentsError, match=r"L2 on onnxruntime float32 differs .* by 0\.0"):
        agreement("L2 on onnxruntime float32", Precision.FLOAT32, REFERENCE + 0.01, REFERENCE)


def test_int8_may_differ_as_long_as_it_orders_alike():
    found = agreement("x", Precision.INT8, REFERENCE * 1.1, REFERENCE)

    assert found.difference == pytest.approx(0.1, rel=1e-2)
    assert found.correlation == pytest.approx(1)


def test_int8_that_says_something_else_fails():
    shuffled = np.random.default_rng(0).permutation(REFERENCE)

    with pytest.raises(StudentsError, match="x correlates with torch float32 by"):
        agreement("x", Precision.INT8, shuffled, REFERENCE)


def test_outputs_of_another_shape_fail():
    with pytest.raises(StudentsError, match=r"shape \(4, 10\), and torch \(40,\)"):
        agreement("x", Precision.INT8, REFERENCE.reshape(4, 10), REFERENCE)


def test_outputs_that_are_no_numbers_fail():
    broken = REFERENCE.copy()
    broken[3] = np.nan

    with pytest.raises(StudentsError, match="not finite"):
        agreement("x", Precision.INT8, broken, REFERENCE)


def test_few_or_constant_outputs_have_no_correlation():
    few = agreement("x", Precision.INT8, REFERENCE[:3], REFERENCE[:3])
    constant = agreement("x", Precision.INT8, np.ones(40, np.float32), np.ones(40, np.float32))

    assert few.correlation is None
    assert constant.correlation is None
    assert few.or_else(Agreement(0.5, 0.99)) == Agreement(0.0, 0.99)
    assert Agreement(0.1, 0.95).or_else(Agreement(0.5, 0.99)) == Agreement(0.1, 0.95)

import pytest

from qrmiddleware_benchmarks.students.costs import Precision
from qrmiddleware_benchmarks.students.peaks import (
    Effort,
    numpy_rates,
    onnxruntime_rates,
    peak_of,
    torch_rates,
)


def test_the_peak_is_the_fastest_library_of_each_precision():
    found = {
        "torch": {"float32": 1e11, "int8": 9e11, "copy": 4e10},
        "numpy": {"float32": 2e11},
    }

    peak = peak_of(2, found)

    assert peak.ops_per_s(Precision.FLOAT32) == 2e11
    assert peak.ops_per_s(Precision.INT8) == 9e11
    assert peak.ops_per_s(Precision.FLOAT16) is None
    assert peak.bytes_per_s == 4e10
    assert [rate.library for rate in peak.rates] == ["numpy", "torch", "torch"]


def test_a_product_is_counted_and_timed():
    pytest.importorskip("threadpoolctl")

    found = numpy_rates("cpu", 1, Effort(size=32, copied_floats=8, repeats=2))

    assert 1e6 < found["float32"] < 1e14


@pytest.mark.students
@pytest.mark.parametrize("measure", [torch_rates, onnxruntime_rates])
def test_every_library_multiplies_in_both_precisions(measure):
    pytest.importorskip("torch")
    pytest.importorskip("onnxruntime")

    found = measure("cpu", 1, Effort(size=64, copied_floats=64, repeats=1))

    assert found["float32"] > 0
    assert found["int8"] > 0

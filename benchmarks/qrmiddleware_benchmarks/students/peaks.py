"""What this machine can do at best: matrix products and copies, measured."""

import multiprocessing
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from time import perf_counter_ns

import numpy as np

from qrmiddleware_benchmarks.students.costs import Precision
from qrmiddleware_benchmarks.students.libraries import library
from qrmiddleware_benchmarks.students.worker import settle

_OPSET, _IR = 17, 9
_COPIED_FLOATS = 2**26


@dataclass(frozen=True, slots=True)
class Effort:
    """How hard to try.

    Attributes:
        size: Rows and columns of the square matrices.
        copied_floats: In the array that is copied; well above what caches hold.
        repeats: The fastest counts.
    """

    size: int = 1_536
    copied_floats: int = _COPIED_FLOATS
    repeats: int = 10


USUAL = Effort()


@dataclass(frozen=True, slots=True)
class Rate:
    """How fast a library multiplies matrices of one precision.

    Attributes:
        precision: Of both operands; sums are wider.
        ops_per_s: A multiplication and an addition are two.
        library: That multiplied.
    """

    precision: Precision
    ops_per_s: float
    library: str


@dataclass(frozen=True, slots=True)
class Peak:
    """The best of so many cores, or of the GPU.

    Attributes:
        cores: That computed.
        rates: One a library and precision.
        bytes_per_s: Read and written by copying a large array.
    """

    cores: int
    rates: tuple[Rate, ...]
    bytes_per_s: float

    def ops_per_s(self, precision: Precision) -> float | None:
        """Return the peak of a precision over all libraries, if it was measured."""
        found = [rate.ops_per_s for rate in self.rates if rate.precision is precision]
        return max(found, default=None)


Measured = dict[str, float]
"""Operations a second by precision; under ``copy``, bytes a second."""


def measure_peak(cores: int, device: str, effort: Effort) -> Peak:
    """Ask every library for its best, each in a process of its own.

    No library is best everywhere: some products depend on who made the processor.
    """
    measures: dict[str, Callable[[str, int, Effort], Measured]] = {"torch": torch_rates}
    if device == "cpu":
        measures |= {"numpy": numpy_rates, "onnxruntime": onnxruntime_rates}
    found: dict[str, Measured] = {}
    context = multiprocessing.get_context("spawn")
    for name, measure in measures.items():
        with ProcessPoolExecutor(1, context, settle, (cores,)) as pool:
            found[name] = pool.submit(measure, device, cores, effort).result()
    return peak_of(cores, found)


def peak_of(cores: int, found: Mapping[str, Measured]) -> Peak:
    """Gather what the libraries measured, by precision and the fastest first."""
    rates = [
        Rate(precision, measured[precision], name)
        for name, measured in found.items()
        for precision in Precision
        if precision in measured
    ]
    rates.sort(key=lambda rate: (rate.precision, -rate.ops_per_s))
    copied = max(measured.get("copy", 0.0) for measured in found.values())
    return Peak(cores, tuple(rates), copied)


def numpy_rates(_device: str, cores: int, effort: Effort) -> Measured:
    """Multiply in float32 with the BLAS of numpy.

    Its threads are older than any setting, for numpy is imported with this module.
    """
    left, right = _floats(effort.size), _floats(effort.size)
    with library("threadpoolctl").threadpool_limits(cores):
        return {Precision.FLOAT32: _rate(lambda: left @ right, effort)}


def torch_rates(device: str, cores: int, effort: Effort) -> Measured:
    """Multiply in float32 and int8, on a GPU in float16 as well, and copy."""
    torch = library("torch")
    torch.set_num_threads(cores)

    def finished(work: Callable[[], object]) -> Callable[[], object]:
        """A GPU works on after the call has returned; wait for it."""
        return (lambda: (work(), torch.cuda.synchronize())) if device == "cuda" else work

    def product(dtype: object, multiply: Callable[[object, object], object]) -> float:
        shape = (effort.size, effort.size)
        left, right = (torch.ones(shape, dtype=dtype, device=device) for _ in range(2))
        return _rate(finished(lambda: multiply(left, right)), effort)

    source = torch.ones(effort.copied_floats, device=device)
    target = torch.empty_like(source)
    seconds = _fastest(finished(lambda: target.copy_(source)), effort.repeats)
    found: Measured = {
        Precision.FLOAT32: product(torch.float32, torch.matmul),
        Precision.INT8: product(torch.int8, torch._int_mm),  # noqa: SLF001 - torch has no other
        "copy": 2 * source.nbytes / seconds,
    }
    if device == "cuda":
        found[Precision.FLOAT16] = product(torch.float16, torch.matmul)
    return found


def onnxruntime_rates(_device: str, cores: int, effort: Effort) -> Measured:
    """Multiply in float32 (``MatMul``) and int8 (``MatMulInteger``), with constant weights."""
    generator = np.random.default_rng(0)
    size = (effort.size, effort.size)
    inputs = generator.integers(0, 255, size, dtype=np.uint8)
    weights = generator.integers(-127, 127, size, dtype=np.int8)
    return {
        Precision.FLOAT32: _onnx_rate(
            "MatMul", _floats(effort.size), _floats(effort.size), cores, effort
        ),
        Precision.INT8: _onnx_rate("MatMulInteger", inputs, weights, cores, effort),
    }


def _onnx_rate(
    operator: str, inputs: np.ndarray, weights: np.ndarray, cores: int, effort: Effort
) -> float:
    onnx, onnxruntime = library("onnx"), library("onnxruntime")
    helper, kinds = library("onnx.helper"), onnx.TensorProto
    kind, result = (
        (kinds.FLOAT, kinds.FLOAT) if operator == "MatMul" else (kinds.UINT8, kinds.INT32)
    )
    graph = helper.make_graph(
        [helper.make_node(operator, ["inputs", "weights"], ["outputs"])],
        "product",
        [helper.make_tensor_value_info("inputs", kind, inputs.shape)],
        [helper.make_tensor_value_info("outputs", result, inputs.shape)],
        [library("onnx.numpy_helper").from_array(weights, "weights")],
    )
    opsets = [helper.make_opsetid("", _OPSET)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=_IR)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = cores
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return _rate(lambda: session.run(None, {"inputs": inputs}), effort)


def _floats(size: int) -> np.ndarray:
    return np.random.default_rng(0).random((size, size), dtype=np.float32)


def _rate(multiply: Callable[[], object], effort: Effort) -> float:
    return float(2 * effort.size**3 / _fastest(multiply, effort.repeats))


def _fastest(work: Callable[[], object], repeats: int) -> float:
    """Return the seconds of the fastest time, after one that does not count."""
    work()
    spent = []
    for _ in range(repeats):
        started = perf_counter_ns()
        work()
        spent.append(perf_counter_ns() - started)
    return min(spent) / 1e9

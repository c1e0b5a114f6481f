import sys
from types import SimpleNamespace

import pytest

from qrmiddleware.errors import ConfigError
from qrmiddleware.students.devices import (
    Place,
    choose_place,
    explain_gpu_failure,
    is_gpu_failure,
    load_ctranslate2,
    on_cpu,
)
from qrmiddleware.students.settings import RuntimeSettings

ON_GPU = {"float32", "int8_float16", "float16", "int8"}


def machine(*, gpus=0, on_cpu=("float32", "int8")):
    """CTranslate2 as it answers on a machine with so many GPUs."""
    return SimpleNamespace(
        get_cuda_device_count=lambda: gpus,
        get_supported_compute_types=lambda device, index=0: {"cpu": on_cpu, "cuda": ON_GPU}[device],
    )


def test_auto_is_int8_on_a_cpu_without_a_word():
    assert choose_place(RuntimeSettings(), machine()) == Place("cpu", (0,), "int8")


def test_auto_takes_float32_where_the_processor_has_no_int8():
    found = choose_place(RuntimeSettings(), machine(on_cpu=("float32",)))

    assert found.compute_type == "float32"


def test_auto_takes_the_gpus_with_half_precision():
    found = choose_place(RuntimeSettings(device_indexes=(0, 1)), machine(gpus=2))

    assert found == Place("cuda", (0, 1), "int8_float16")
    assert str(found) == "cuda 0,1, int8_float16"


def test_cpu_is_taken_though_there_is_a_gpu():
    found = choose_place(RuntimeSettings(device="cpu"), machine(gpus=1))

    assert str(found) == "cpu, int8"


def test_a_wanted_gpu_that_is_missing_is_warned_of():
    with pytest.warns(RuntimeWarning, match="runs on the CPU: CTranslate2 finds no GPU"):
        found = choose_place(RuntimeSettings(device="cuda"), machine())

    assert found.device == "cpu"


def test_a_gpu_by_a_number_that_is_not_there_is_refused():
    with pytest.raises(ConfigError, match=r"device_indexes \[0, 2\]: CTranslate2 finds 2 GPUs"):
        choose_place(RuntimeSettings(device_indexes=(0, 2)), machine(gpus=2))


@pytest.mark.parametrize(
    ("wanted", "taken"),
    [("int8_float16", "int8"), ("bfloat16", "float32"), ("float32", "float32")],
)
def test_a_precision_of_gpus_becomes_the_next_on_a_cpu(wanted, taken):
    assert on_cpu(RuntimeSettings(compute_type=wanted), machine()).compute_type == taken


def test_a_precision_that_is_missing_is_refused_with_those_that_are_there():
    settings = RuntimeSettings(compute_type="int8_float32", device="cpu")

    with pytest.raises(ConfigError, match=r"compute_type int8_float32: .* cpu has float32, int8;"):
        choose_place(settings, machine())


def test_batches_on_a_gpu_are_larger_than_on_a_cpu():
    cpu, gpu = Place("cpu", (0,), "int8"), Place("cuda", (0,), "float16")

    assert cpu.batch_tokens < gpu.batch_tokens


def test_a_missing_cublas_is_explained():
    error = RuntimeError("Library libcublas.so.12 is not found or cannot be loaded")

    assert "pip install nvidia-cublas-cu12" in explain_gpu_failure(error)
    assert explain_gpu_failure(RuntimeError("CUDA failed")) == "CUDA failed"


@pytest.mark.parametrize(
    ("error", "gone"),
    [
        (RuntimeError("CUDA failed with error unspecified launch failure"), True),
        (RuntimeError("Library libcublas.so.12 is not found or cannot be loaded"), True),
        (RuntimeError("CUDA failed with error out of memory"), False),
        (RuntimeError("No position encodings are defined for positions >= 32"), False),
        (ValueError("cuda"), False),
    ],
)
def test_a_gpu_that_is_gone_is_told_from_one_that_is_full(error, gone):
    assert is_gpu_failure(error) is gone


def test_without_ctranslate2_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "ctranslate2", None)

    with pytest.raises(ConfigError, match=r"pip install 'qrmiddleware\[students\]'"):
        load_ctranslate2()

import sys
from types import ModuleType, SimpleNamespace

import pytest

from qrmiddleware_benchmarks.students.devices import choose_device
from qrmiddleware_benchmarks.students.errors import StudentsError


@pytest.fixture
def gpus(monkeypatch):
    """Libraries that see so many GPUs."""

    def see(*, ctranslate2, torch):
        fakes = {"ctranslate2": ModuleType("ctranslate2"), "torch": ModuleType("torch")}
        fakes["ctranslate2"].get_cuda_device_count = lambda: ctranslate2
        fakes["torch"].cuda = SimpleNamespace(is_available=lambda: torch > 0)
        for name, fake in fakes.items():
            monkeypatch.setitem(sys.modules, name, fake)

    return see


def test_auto_takes_a_gpu_that_both_libraries_see(gpus):
    gpus(ctranslate2=1, torch=1)

    assert choose_device("auto") == "cuda"
    assert choose_device("cuda") == "cuda"


def test_auto_takes_the_processor_where_one_library_sees_no_gpu(gpus):
    gpus(ctranslate2=0, torch=1)

    assert choose_device("auto") == "cpu"


def test_a_gpu_that_is_wanted_and_not_there_is_an_error_naming_who_looked(gpus):
    gpus(ctranslate2=0, torch=0)

    with pytest.raises(StudentsError, match="CTranslate2 and torch found no GPU"):
        choose_device("cuda")


def test_the_processor_needs_no_look():
    assert choose_device("cpu") == "cpu"


def test_an_unknown_device_is_an_error():
    with pytest.raises(StudentsError, match="one of auto, cpu, cuda"):
        choose_device("tpu")

import pytest

from qrmiddleware.distill.placing import device_of, dtype_of
from qrmiddleware.errors import ConfigError

pytestmark = pytest.mark.students


@pytest.fixture
def torch():
    return pytest.importorskip("torch")


@pytest.mark.parametrize(
    ("cuda", "wanted", "device"),
    [(True, "auto", "cuda"), (True, "cpu", "cpu"), (False, "auto", "cpu")],
)
def test_a_gpu_is_taken_where_there_is_one(torch, monkeypatch, cuda, wanted, device):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)

    assert device_of(wanted) == device


def test_a_gpu_that_is_not_there_is_told(torch, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)

    with pytest.raises(ConfigError, match="there is no GPU"):
        device_of("cuda")


def test_half_precision_is_for_gpus_unless_it_is_asked_for(torch, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: True)

    assert dtype_of("auto", "cpu") is torch.float32
    assert dtype_of("auto", "cuda") is torch.bfloat16
    assert dtype_of("bfloat16", "cpu") is torch.bfloat16
    assert dtype_of("float32", "cuda") is torch.float32

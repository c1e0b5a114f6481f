import pytest

from qrmiddleware.testing.training import fresh_accelerator, one_thread  # noqa: F401


@pytest.mark.students
def test_a_test_that_trains_has_one_thread_and_a_choice():
    torch = pytest.importorskip("torch")
    accelerate = pytest.importorskip("accelerate")

    assert torch.get_num_threads() == 1
    assert accelerate.Accelerator(cpu=True).device.type == "cpu"


def test_others_run_without_torch():
    assert one_thread

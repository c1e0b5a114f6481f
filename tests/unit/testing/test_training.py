import subprocess
import sys

import pytest

from qrmiddleware.testing.training import fresh_accelerator, one_thread  # noqa: F401


@pytest.mark.students
def test_a_test_that_trains_has_one_thread_and_a_choice():
    torch = pytest.importorskip("torch")
    accelerate = pytest.importorskip("accelerate")

    assert torch.get_num_threads() == 1
    assert accelerate.Accelerator(cpu=True).device.type == "cpu"


def test_others_load_no_torch():
    code = """
import pytest, sys
from qrmiddleware.testing import training
sys.exit("torch" in sys.modules or "accelerate" in sys.modules)
"""

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

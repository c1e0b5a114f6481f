import sys

import pytest

from qrmiddleware.testing.shop import write_shop


@pytest.fixture(autouse=True)
def one_thread(request):
    """Let torch compute on one thread: networks this small only wait for each other on more."""
    if request.node.get_closest_marker("students"):
        pytest.importorskip("torch").set_num_threads(1)


@pytest.fixture(autouse=True)
def fresh_accelerator():
    """Begin each training as in a process of its own, where accelerate has chosen nothing yet."""
    if state := sys.modules.get("accelerate.state"):
        state.AcceleratorState._reset_state(reset_partial_state=True)


@pytest.fixture
def shop(tmp_path):
    return write_shop(tmp_path / "shop")

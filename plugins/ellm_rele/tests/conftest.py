import sys

import pytest

from qrmiddleware.recipes import gathering
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
def work(tmp_path):
    """What gather leaves of a shop with kettles and toasters, fold 1 held out."""
    material = gathering.Material(gathering.Source(write_shop(tmp_path / "shop")))
    floors = gathering.Floors(products=2, brands=1, one_brand=1)
    making = gathering.Making(queries=20, floors=floors)
    every = list(material.texts)
    folder = tmp_path / "work"
    gathering.gather(
        material, folder, held_out=(1,), making=making, search=lambda _, depth: every[:depth]
    )
    return folder

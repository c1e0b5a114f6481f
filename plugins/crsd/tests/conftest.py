import pytest

from qrmiddleware.recipes import gathering
from qrmiddleware.testing.shop import write_shop
from qrmiddleware.testing.training import fresh_accelerator, one_thread  # noqa: F401 for all


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

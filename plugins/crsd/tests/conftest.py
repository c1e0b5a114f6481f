import pytest

from qrmiddleware.recipes import gathering
from qrmiddleware.testing.shop import write_shop
from qrmiddleware.testing.training import fresh_accelerator, one_thread  # noqa: F401 for all


@pytest.fixture(scope="session")
def gathered():
    """Make what gather leaves of a shop with kettles and toasters, fold 1 held out."""

    def make(folder):
        material = gathering.Material(gathering.Source(write_shop(folder / "shop")))
        floors = gathering.Floors(products=2, brands=1, one_brand=1)
        making = gathering.Making(queries=20, floors=floors)
        every = list(material.texts)
        gathering.gather(
            material,
            folder / "work",
            held_out=(1,),
            making=making,
            search=lambda _, depth: every[:depth],
        )
        return folder / "work"

    return make


@pytest.fixture
def work(gathered, tmp_path):
    return gathered(tmp_path)

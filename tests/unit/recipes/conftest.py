import pytest

from qrmiddleware.recipes import gathering
from qrmiddleware.testing.shop import write_shop
from qrmiddleware.testing.training import fresh_accelerator, one_thread  # noqa: F401 for all


@pytest.fixture
def shop(tmp_path):
    return write_shop(tmp_path / "shop")


@pytest.fixture
def work(shop, tmp_path):
    """What gather leaves of the shop, fold 1 held out."""
    pytest.importorskip("torch")
    material = gathering.Material(gathering.Source(shop))
    floors = gathering.Floors(products=2, brands=1, one_brand=1)
    every = list(material.texts)
    gathering.gather(
        material,
        tmp_path / "work",
        held_out=(1,),
        making=gathering.Making(queries=10, floors=floors),
        search=lambda _, depth: every[:depth],
    )
    return tmp_path / "work"

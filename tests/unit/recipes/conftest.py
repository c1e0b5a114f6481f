import pytest

from qrmiddleware.testing.shop import write_shop
from qrmiddleware.testing.training import fresh_accelerator, one_thread  # noqa: F401 for all


@pytest.fixture
def shop(tmp_path):
    return write_shop(tmp_path / "shop")

import pytest

from qrmiddleware.errors import ConfigError
from qrmiddleware.testing.shop import write_shop
from qrmiddleware_beque.recipes.titles import read_titles


@pytest.fixture
def shop(tmp_path):
    return write_shop(tmp_path / "shop")


def test_titles_are_of_the_best_judged_products_of_training_folds(shop):
    found = read_titles(shop, hold_out=(1,), most=2)

    assert [each.query for each in found.titles] == ["kettle", "kettle"]
    assert all(each.title.startswith("Acme kettle") for each in found.titles)  # graded 3
    assert (found.held_out, found.seen_folds) == (("toaster",), (0,))


def test_without_folds_all_queries_have_titles(shop):
    found = read_titles(shop)

    assert [each.query for each in found.titles] == ["kettle", "toaster"]
    assert found.held_out == ()


def test_a_field_that_is_not_there_is_told(shop):
    with pytest.raises(ConfigError, match="no document has any of the fields name"):
        read_titles(shop, field="name")

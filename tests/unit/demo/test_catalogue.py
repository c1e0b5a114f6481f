import json

import pytest

from qrmiddleware.demo.catalogue import build_catalogue


def in_bytes(products):
    return json.dumps([product.document() for product in products]).encode()


def test_the_same_seed_makes_the_same_products(vocabulary, products):
    assert in_bytes(build_catalogue(vocabulary)) == in_bytes(products)


def test_another_seed_makes_other_products(vocabulary, products):
    assert in_bytes(build_catalogue(vocabulary, seed=1)) != in_bytes(products)


def test_every_type_has_as_many_products_as_it_should(vocabulary, products):
    for kind in vocabulary.types.values():
        assert sum(product.type == kind.key for product in products) == kind.products


@pytest.mark.parametrize("identifier", ["product_id", "sku", "ean"])
def test_identifiers_are_unique(products, identifier):
    assert len({getattr(product, identifier) for product in products}) == len(products)


def test_one_model_number_belongs_to_one_family_of_one_type(products):
    families = {}
    for product in products:
        families.setdefault(product.model, set()).add((product.type, product.family))

    assert all(len(family) == 1 for family in families.values())


def test_eans_have_a_valid_check_digit_and_belong_to_no_real_product(products):
    for product in products:
        digits = [int(digit) for digit in product.ean]
        assert len(digits) == 13
        assert product.ean.startswith("29")
        assert (sum(digits[::2]) + 3 * sum(digits[1::2])) % 10 == 0


def test_no_gap_is_left_in_a_text(products):
    for product in products:
        text = " ".join((product.title, product.description, *product.details))
        assert "{" not in text
        assert product.title.strip()
        assert len(product.description) > 20


def test_accessories_fit_families_on_sale(vocabulary, products):
    sold = {(product.type, product.family) for product in products}
    for product in products:
        for name, spec in vocabulary.types[product.type].attributes.items():
            if spec.family_of:
                assert (spec.family_of, product.attributes[name][0]) in sold


def test_prices_and_ratings_are_plausible(vocabulary, products):
    for product in products:
        low, high = vocabulary.types[product.type].price
        assert low <= product.price <= high + 1
        assert 3 <= product.rating <= 5
        assert product.reviews >= 0


def test_suppliers_write_the_same_amount_differently(products):
    written = {
        detail
        for product in products
        if product.attributes.get("capacity") == ("1 l",)
        for detail in product.details
        if detail.startswith("capacity")
    }

    assert {"capacity 1 l", "capacity 1000 ml"} <= written

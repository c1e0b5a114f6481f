"""The shop is made once for all tests of the demo."""

import pytest

from qrmiddleware.demo.stock import make_stock


@pytest.fixture(scope="session")
def stock():
    return make_stock()


@pytest.fixture(scope="session")
def vocabulary(stock):
    return stock.vocabulary


@pytest.fixture(scope="session")
def products(stock):
    return stock.products


@pytest.fixture(scope="session")
def queries(stock):
    return stock.queries


@pytest.fixture(scope="session")
def qrels(stock):
    return stock.qrels

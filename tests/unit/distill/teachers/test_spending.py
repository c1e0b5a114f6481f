import pytest

from qrmiddleware.distill.labels import StoppedError
from qrmiddleware.distill.teachers.spending import Budget, Prices, estimate_tokens
from qrmiddleware.errors import ConfigError


def test_prices_are_for_a_million_tokens():
    assert Prices(0.4, 1.6).cost(1_000_000, 500_000) == pytest.approx(1.2)


def test_tokens_are_guessed_from_bytes():
    messages = [{"role": "system", "content": "x" * 400}, {"role": "user", "content": "漢字"}]

    assert estimate_tokens(messages) == 102 + 8


def test_what_is_on_its_way_counts_against_the_limit():
    budget = Budget(Prices(prompt=1e6), limit=10)
    first = budget.reserve(6, 0)

    with pytest.raises(StoppedError, match="the limit of cost, 10"):
        budget.reserve(6, 0)
    budget.settle(first, 3, 0)
    budget.reserve(6, 0)

    assert budget.spent == 3


def test_without_a_limit_nothing_ends():
    budget = Budget(Prices(prompt=1e6), limit=None)

    for _ in range(3):
        budget.settle(budget.reserve(10**6, 0), 10**6, 0)

    assert budget.spent == 3e6


def test_a_limit_without_prices_is_an_error():
    with pytest.raises(ConfigError, match="needs prices"):
        Budget(Prices(), limit=1)

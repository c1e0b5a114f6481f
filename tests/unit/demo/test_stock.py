import pytest


def test_a_stock_knows_the_judgments_of_its_searches(stock):
    grades = stock.grades("sneakers")

    assert grades == stock.qrels[next(q.query_id for q in stock.queries if q.text == "sneakers")]
    assert 3 in grades.values()


def test_a_search_that_is_not_judged_is_an_error(stock):
    with pytest.raises(KeyError, match="never asked"):
        stock.grades("never asked")

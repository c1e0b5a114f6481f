"""Search bodies at random, for properties."""

import random
from typing import Any

import pytest
from hypothesis import strategies as st

TEXTS = ("red shoe", "tn-2110", "Wi-Fi  USB/C", "красные туфли", "0", 'the "real" thing')
FILTERS = (
    {"term": {"brand": "acme"}},
    {"range": {"price": {"lte": 100}}},
    {"match": {"title": "blue"}},
    {"bool": {"must_not": {"exists": {"field": "sold_out"}}}},
)
DEEPEST = 3


def leaf(rng: random.Random, text: str, path: str) -> dict[str, Any]:
    """A clause that carries a text."""
    return rng.choice(
        [
            {"match": {f"{path}title": text}},
            {"match": {f"{path}title": {"query": text, "operator": "and"}}},
            {
                "multi_match": {
                    "query": text,
                    "fields": [f"{path}title^2", "brand"],
                    "_name": "mine",
                }
            },
            {"match_phrase": {f"{path}title": {"query": text, "slop": 2}}},
            {"combined_fields": {"fields": [f"{path}title"], "query": text}},
        ]
    )


def clause(rng: random.Random, text: str, path: str = "", depth: int = 0) -> dict[str, Any]:
    """A clause with the text at any depth, and with whatever else stands beside it."""
    if depth == DEEPEST or rng.random() < 0.3:
        return leaf(rng, text, path)

    def inner(path: str = path) -> dict[str, Any]:
        return clause(rng, text, path, depth + 1)

    some = [inner() for _ in range(rng.randint(1, 3))]
    filters = rng.sample(FILTERS, rng.randint(1, 2))
    needed = rng.choice([0, 1, "1", 2, "30%", "-1"])
    kinds: list[dict[str, Any]] = [
        {"bool": {"must": some, "filter": filters}},
        {"bool": {"should": some, "must_not": filters}},
        {"bool": {"should": [*some, {"term": {"brand": "acme"}}]}},
        {"bool": {"filter": filters, "should": some}},
        {"bool": {"filter": filters, "should": some, "minimum_should_match": needed, "boost": 2.0}},
        {"bool": {"must": some[0]}},
        {"dis_max": {"queries": some, "tie_breaker": 0.3}},
        {"function_score": {"query": some[0], "functions": [{"weight": 2}]}},
        {"constant_score": {"filter": some[0], "boost": 1.5}},
        {"boosting": {"positive": some[0], "negative": filters[0], "negative_boost": 0.2}},
    ]
    if not path:
        kinds.append({"nested": {"path": "reviews", "query": inner("reviews.")}})
    return rng.choice(kinds)


def text_and_query(seed: int, texts: tuple[str, ...] = TEXTS) -> tuple[str, dict[str, Any]]:
    """A text, and a query that carries it in scoring position."""
    rng = random.Random(seed)  # noqa: S311 tests that can be repeated
    text = rng.choice(texts)
    return text, clause(rng, text)


@pytest.fixture(scope="session")
def text_queries() -> st.SearchStrategy[tuple[str, dict[str, Any]]]:
    """Pairs of a text and a query that carries it in scoring position, at any depth."""
    return st.integers(0, 2**32).map(text_and_query)


@pytest.fixture(scope="session")
def shop_queries() -> st.SearchStrategy[dict[str, Any]]:
    """Queries for ``red shoe``."""
    return st.integers(0, 2**32).map(lambda seed: text_and_query(seed, ("red shoe",))[1])

"""Hypothesis strategies for search bodies."""

from typing import Any

import pytest
from hypothesis import strategies as st

TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20).filter(
    str.strip
)
FILTERS = st.sampled_from(
    [
        {"term": {"brand": "acme"}},
        {"range": {"price": {"lte": 100}}},
        {"match": {"title": "not the user's text"}},
        {"bool": {"must_not": {"exists": {"field": "sold_out"}}}},
    ]
)


def leaf_of(text: str) -> st.SearchStrategy[dict[str, Any]]:
    """Leaves that carry a text."""
    return st.sampled_from(
        [
            {"match": {"title": text}},
            {"match": {"title": {"query": text, "operator": "and"}}},
            {"multi_match": {"query": text, "fields": ["title^2", "brand"], "_name": "mine"}},
            {"match_phrase": {"title": {"query": text, "slop": 2}}},
            {"combined_fields": {"fields": ["title"], "query": text}},
        ]
    )


def compound_of(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Compound clauses around scoring clauses, with filters and whatever else stands there."""
    clauses = st.lists(inner, min_size=1, max_size=3)
    filters = st.lists(FILTERS, min_size=1, max_size=2)
    return st.one_of(
        st.builds(lambda must, f: {"bool": {"must": must, "filter": f}}, clauses, filters),
        st.builds(lambda should, f: {"bool": {"should": should, "must_not": f}}, clauses, filters),
        st.builds(
            lambda should, f, n: {
                "bool": {"filter": f, "should": should, "minimum_should_match": n, "boost": 2.0}
            },
            clauses,
            filters,
            st.sampled_from([0, 1, "1", "30%", "-1"]),
        ),
        st.builds(lambda must: {"bool": {"must": must}}, inner),
        st.builds(lambda queries: {"dis_max": {"queries": queries, "tie_breaker": 0.3}}, clauses),
        st.builds(
            lambda query: {"function_score": {"query": query, "functions": [{"weight": 2}]}}, inner
        ),
        st.builds(lambda query: {"nested": {"path": "reviews", "query": query}}, inner),
        st.builds(lambda query: {"constant_score": {"filter": query, "boost": 1.5}}, inner),
        st.builds(
            lambda query, f: {
                "boosting": {"positive": query, "negative": f, "negative_boost": 0.2}
            },
            inner,
            FILTERS,
        ),
    )


def query_of(text: str) -> st.SearchStrategy[dict[str, Any]]:
    """Queries with one text in scoring position, at any depth."""
    return st.recursive(leaf_of(text), compound_of, max_leaves=5)


@st.composite
def queries_with_text(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    """A text, and a query that carries it."""
    text = draw(TEXTS)
    return text, draw(query_of(text))


@pytest.fixture(scope="session")
def text_queries() -> st.SearchStrategy[tuple[str, dict[str, Any]]]:
    """Pairs of a text and a query that carries it in scoring position, at any depth."""
    return queries_with_text()

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qrmiddleware.distill.rewriting.query_pairs import (
    Components,
    QueryProducts,
    SharedPair,
    Splitting,
    both_directions,
    filter_pairs,
    merged_queries,
    shared_pairs,
    split_pairs,
)
from qrmiddleware.distill.rewriting.rows import RewritePair
from qrmiddleware.distill.splits import normalised_query
from qrmiddleware.errors import ConfigError

TABLE = [
    QueryProducts("red couch", frozenset("abc")),
    QueryProducts("red sofa", frozenset("abcd")),
    QueryProducts("red settee", frozenset("cd")),
    QueryProducts("lamp", frozenset("x")),
]


def test_queries_that_share_products_are_pairs():
    assert shared_pairs(TABLE) == [
        SharedPair("red couch", "red sofa", 3),
        SharedPair("red couch", "red settee", 1),
        SharedPair("red sofa", "red settee", 2),
    ]
    assert shared_pairs(TABLE, least=3) == [SharedPair("red couch", "red sofa", 3)]
    with pytest.raises(ValueError, match="at least one"):
        shared_pairs(TABLE, least=0)


def test_a_pair_goes_both_ways():
    assert list(both_directions(shared_pairs(TABLE, least=3))) == [
        RewritePair(
            query="red couch",
            rewrite="red sofa",
            source="products",
            reason="3 relevant products shared",
        ),
        RewritePair(
            query="red sofa",
            rewrite="red couch",
            source="products",
            reason="3 relevant products shared",
        ),
    ]


def test_wordings_that_count_as_one_are_one_query():
    told = [QueryProducts("Red  Sofa!", frozenset("a")), QueryProducts("red sofa", frozenset("b"))]

    assert merged_queries(told) == [QueryProducts("Red  Sofa!", frozenset("ab"))]


def test_a_judge_may_refuse_pairs_and_may_be_silent():
    class Judge:
        def equivalent(self, pairs):
            return [{"red sofa": True, "red settee": False}.get(second) for _, second in pairs]

    pairs = [*shared_pairs(TABLE)[:2], SharedPair("lamp", "light", 1)]

    told = filter_pairs(pairs, Judge())

    assert told.kept == (pairs[0],)
    assert (told.refused, told.unanswered) == (1, 1)


def test_what_hangs_together_through_others_has_one_root():
    components = Components()
    for first, second in (("c", "b"), ("d", "e"), ("b", "a")):
        components.join(first, second)

    assert [components.root(name) for name in "abcdef"] == ["a", "a", "a", "d", "d", "f"]


def test_a_component_larger_than_the_share_is_for_training():
    pairs = [RewritePair(query="a", rewrite=f"b{n}") for n in range(9)]
    pairs += [RewritePair(query=f"c{n}", rewrite=f"d{n}") for n in range(11)]

    split = split_pairs(pairs, Splitting(valid=0.2, test=0.2))

    assert {pair.split for pair in split[:9]} == {"train"}
    told = [pair.split for pair in split]
    assert (told.count("valid"), told.count("test")) == (4, 4)


def test_shares_that_leave_nothing_are_refused():
    with pytest.raises(ConfigError, match="leave nothing to train on"):
        Splitting(0.5, 0.5)


PRODUCTS = st.frozensets(st.sampled_from("abcdefghijklmno"), min_size=1, max_size=3)
WORDS = st.sampled_from([f"word{n}" for n in range(30)])


@given(
    st.dictionaries(WORDS, PRODUCTS, max_size=25),
    st.lists(st.tuples(WORDS, WORDS), max_size=8),
    st.integers(0, 5),
)
def test_no_split_knows_anything_of_another(table, told, seed):
    """Neither a query, nor a product, nor a rewrite that people wrote is in two splits."""
    queries = [QueryProducts(query, products) for query, products in table.items()]
    pairs = [
        *both_directions(shared_pairs(queries, least=2)),
        *(RewritePair(query=query, rewrite=rewrite) for query, rewrite in told),
    ]

    split = split_pairs(pairs, Splitting(0.3, 0.3, seed), queries=queries)

    assert [(pair.query, pair.rewrite) for pair in split] == [
        (pair.query, pair.rewrite) for pair in pairs
    ]
    known = {}
    for pair in split:
        words = {normalised_query(pair.query), normalised_query(pair.rewrite)}
        known.setdefault(pair.split, [set(), set()])
        known[pair.split][0] |= words
        known[pair.split][1] |= {doc for word in words for doc in table.get(word, ())}
    for (_, one), (_, other) in combinations(known.items(), 2):
        assert one[0].isdisjoint(other[0])
        assert one[1].isdisjoint(other[1])


def test_another_seed_divides_otherwise_and_the_same_one_alike():
    pairs = [RewritePair(query=f"c{n}", rewrite=f"d{n}") for n in range(40)]

    first, again, other = (split_pairs(pairs, Splitting(seed=seed)) for seed in (0, 0, 1))

    assert first == again != other

from collections import Counter

import pytest

from qrmiddleware.demo.folds import FOLDS, into_folds


@pytest.fixture(scope="module")
def asked(queries, products):
    """The types that each search asks for, an identifier's product's among them."""
    named = {n: p.type for p in products for n in (p.sku, p.ean, p.model)}
    return [(query, query.types or (named[query.identifier],)) for query in queries]


def test_the_same_searches_get_the_same_folds(queries, products, vocabulary):
    assert into_folds(queries, products, vocabulary.types) == queries


def test_folds_are_about_as_large_as_each_other(queries):
    sizes = Counter(query.fold for query in queries)

    assert sorted(sizes) == list(range(FOLDS))
    assert max(sizes.values()) - min(sizes.values()) <= 5


def test_every_sort_of_search_that_is_not_rare_is_in_every_fold(queries):
    kinds = Counter(query.kind for query in queries)
    folds = {kind: {q.fold for q in queries if q.kind == kind} for kind in kinds}

    assert all(len(folds[kind]) == FOLDS for kind, count in kinds.items() if count >= 20)


def test_all_words_for_a_type_are_in_one_fold(asked):
    folds = {}
    for query, keys in asked:
        for key in keys:
            folds.setdefault(key, set()).add(query.fold)

    assert all(len(found) == 1 for found in folds.values())


def test_substitutes_and_accessories_are_in_the_fold_of_their_type(asked, vocabulary):
    fold_of = {key: query.fold for query, keys in asked for key in keys}

    for kind in vocabulary.types.values():
        for other in (*kind.substitutes, *kind.accessory_of):
            if kind.key in fold_of and other in fold_of:
                assert fold_of[kind.key] == fold_of[other], (kind.key, other)


def test_no_product_is_an_answer_in_two_folds(queries, qrels):
    folds = {}
    for query in queries:
        for product_id in qrels[query.query_id]:
            folds.setdefault(product_id, set()).add(query.fold)

    assert all(len(found) == 1 for found in folds.values())

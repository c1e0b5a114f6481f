import numpy as np
import pytest

from qrmiddleware.distill.lists import Candidate, QueryList
from qrmiddleware_walmart_kd.recipes.two_tower import Towers, Vectors, fit_layer

pytestmark = pytest.mark.students


def unit(rng, count, width=8):
    found = rng.normal(size=(count, width)).astype(np.float32)
    return found / np.linalg.norm(found, axis=1, keepdims=True)


@pytest.fixture
def world():
    """Queries whose teacher reads the first two numbers of their vectors the other way round."""
    rng = np.random.default_rng(0)
    queries = {f"q{n}": vector for n, vector in enumerate(unit(rng, 80))}
    products = {f"d{n}": vector for n, vector in enumerate(unit(rng, 60))}
    swap = np.eye(8, dtype=np.float32)[[1, 0, 2, 3, 4, 5, 6, 7]]
    lists = [
        QueryList(
            query,
            tuple(
                Candidate(doc_id, 5 * float(products[doc_id] @ (swap @ vector)) - 2)
                for doc_id in rng.choice(list(products), 10, replace=False)
            ),
        )
        for query, vector in queries.items()
    ]
    return lists, Vectors(queries, products)


def agreement(lists, vectors, weight):
    """Mean correlation of cosines with the teacher, list by list."""
    found = []
    for item in lists:
        turned = weight @ vectors.queries[item.query]
        cosines = [vectors.products[c.doc_id] @ turned for c in item.candidates]
        found.append(np.corrcoef(cosines, [c.target for c in item.candidates])[0, 1])
    return float(np.mean(found))


def test_queries_learn_to_order_products_as_the_teacher_does_where_it_was_not_seen(world):
    lists, vectors = world
    weight = fit_layer(
        lists[:60], vectors, towers=Towers(steps=200, rate=1e-2, queries=16, pull=1e-4)
    )

    unseen = lists[60:]
    assert agreement(unseen, vectors, np.eye(8)) < 0.9
    assert agreement(unseen, vectors, weight) > 0.97


@pytest.mark.parametrize("loss", ["pointwise", "soft", "hard"])
def test_every_loss_learns_the_order(world, loss):
    lists, vectors = world
    if loss in {"soft", "hard"}:
        lists = [
            QueryList(
                item.query,
                tuple(Candidate(c.doc_id, 1 / (1 + np.exp(-c.target))) for c in item.candidates),
            )
            for item in lists
        ]
    towers = Towers(loss, steps=200, rate=1e-2, queries=16, pull=1e-4)

    weight = fit_layer(lists[:60], vectors, towers=towers)

    before = agreement(lists[60:], vectors, np.eye(8))
    assert agreement(lists[60:], vectors, weight) > before + 0.1


def test_a_strong_pull_leaves_queries_as_they_are(world):
    lists, vectors = world

    weight = fit_layer(lists, vectors, towers=Towers(steps=50, queries=16, pull=1e3))

    assert np.abs(weight - np.eye(8)).max() < 0.02


def test_the_same_seed_gives_the_same_layer(world):
    lists, vectors = world
    towers = Towers(steps=10, queries=16)

    first = fit_layer(lists, vectors, towers=towers)

    assert (fit_layer(lists, vectors, towers=towers) == first).all()

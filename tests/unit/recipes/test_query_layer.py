import numpy as np
import pytest

from qrmiddleware.distill.lists import Candidate, QueryList
from qrmiddleware.distill.losses import Scale, margin_mse
from qrmiddleware.recipes.query_layer import LayerFitting, Vectors, fit_layer

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


def learn(lists, vectors, *, loss=None, helpers=(), **how):
    scale = Scale.measured([each.target for item in lists for each in item.candidates])

    def margins(batch):
        return margin_mse(batch.scores, batch.wanted, mask=batch.mask, scale=scale)

    return fit_layer(
        lists,
        vectors,
        loss=loss or margins,
        fitting=LayerFitting(queries=16, **how),
        what="learning queries",
        helpers=helpers,
    )


def test_queries_learn_to_order_products_as_the_teacher_does_where_it_was_not_seen(world):
    lists, vectors = world
    weight = learn(lists[:60], vectors, steps=200, rate=1e-2, pull=1e-4)

    unseen = lists[60:]
    assert agreement(unseen, vectors, np.eye(8)) < 0.9
    assert agreement(unseen, vectors, weight) > 0.97


def test_a_strong_pull_leaves_queries_as_they_are(world):
    lists, vectors = world

    weight = learn(lists, vectors, steps=50, pull=1e3)

    assert np.abs(weight - np.eye(8)).max() < 0.02


def test_the_same_seed_gives_the_same_layer(world):
    lists, vectors = world

    first = learn(lists, vectors, steps=10)

    assert (learn(lists, vectors, steps=10) == first).all()


def test_a_loss_sees_the_lists_and_may_learn_along(world):
    import torch

    lists, vectors = world
    helper = torch.nn.Parameter(torch.zeros(8))
    seen = []

    def loss(batch):
        seen.append((len(batch.lists), batch.joined.shape, batch.mask.all().item()))
        return ((batch.joined @ helper - batch.wanted) ** 2).mean()

    learn(lists, vectors, loss=loss, helpers=[helper], steps=2)

    assert seen[0] == (16, (16, 10, 8), True)
    assert helper.detach().abs().sum() > 0

import numpy as np
import pytest

from qrmiddleware.distill.classes import ESCI
from qrmiddleware.distill.labels import Label
from qrmiddleware.recipes.query_layer import LayerFitting, Vectors, fit_layer
from qrmiddleware.recipes.targets import lists_of
from qrmiddleware_ellm_rele.recipes.student import Weights, answers_of
from qrmiddleware_ellm_rele.recipes.towers import tower_loss

pytestmark = pytest.mark.students
OFF = {"hard": 0.0, "distribution": 0.0, "order": 0.0, "reasoning": 0.0}


@pytest.fixture
def torch():
    return pytest.importorskip("torch")


@pytest.fixture
def world():
    """Queries whose first two numbers are the other way round in the products that match."""
    rng = np.random.default_rng(0)

    def unit(count):
        found = rng.normal(size=(count, 8)).astype(np.float32)
        return found / np.linalg.norm(found, axis=1, keepdims=True)

    queries = {f"q{n}": vector for n, vector in enumerate(unit(80))}
    products = {f"d{n}": vector for n, vector in enumerate(unit(60))}
    swap = np.eye(8, dtype=np.float32)[[1, 0, 2, 3, 4, 5, 6, 7]]
    labels = []
    for query, vector in queries.items():
        for doc_id in rng.choice(list(products), 10, replace=False):
            near = float(products[doc_id] @ (swap @ vector))
            grade = "E" if near > 0.3 else "S" if near > 0 else "I"
            category = "match" if near > 0 else "mismatch"
            labels.append(
                Label(
                    pair=f"{query}/{doc_id}",
                    query=query,
                    doc_id=str(doc_id),
                    teacher="t",
                    target=ESCI.gains[grade],
                    grade=grade,
                    reason=f"category: {category}\nbrand: unspecified\nmodel: unspecified\n"
                    f"attribute: unspecified\nconclusion: {grade}",
                )
            )
    return labels, Vectors(queries, products)


def agreement(lists, vectors, weight):
    """Mean correlation of cosines with what products are worth, list by list."""
    found = []
    for item in lists:
        worth = [candidate.target for candidate in item.candidates]
        if len(set(worth)) > 1:
            turned = weight @ vectors.queries[item.query]
            cosines = [vectors.products[c.doc_id] @ turned for c in item.candidates]
            found.append(np.corrcoef(cosines, worth)[0, 1])
    return float(np.mean(found))


@pytest.mark.parametrize("part", [*OFF, "all"])
def test_each_part_of_the_loss_teaches_queries(torch, world, part):
    labels, vectors = world
    lists = lists_of(labels, logits=False)
    weights = Weights() if part == "all" else Weights(**{**OFF, part: 1.0})
    loss, helpers = tower_loss(answers_of(labels, ESCI), ESCI, weights=weights, width=8)
    fitting = LayerFitting(steps=300, rate=1e-2, queries=16, pull=1e-4)

    weight = fit_layer(
        lists[:60], vectors, loss=loss, fitting=fitting, what="queries", helpers=helpers
    )

    before = agreement(lists[60:], vectors, np.eye(8))
    assert agreement(lists[60:], vectors, weight) > before + (0.02 if part == "reasoning" else 0.1)

import math
from dataclasses import replace

import pytest

from qrmiddleware.distill.classes import ESCI
from qrmiddleware.distill.labels import Label
from qrmiddleware.distill.modelling import tiny_encoder
from qrmiddleware.recipes.fitting import Fitting
from qrmiddleware.recipes.targets import lists_of
from qrmiddleware_ellm_rele.recipes.student import (
    HELPERS,
    Weights,
    answers_of,
    mkd_loss,
    order_loss,
    verdict_loss,
)

TEXTS = {"1": "red shoe", "2": "blue shoe", "3": "red hat"}
REASON = "category: match\nbrand: unspecified\nmodel: unspecified\nattribute: mismatch (red)"
FITTING = Fitting(2, 1e-3, max_query_tokens=4, max_tokens=16)
PARTS = ("hard", "distribution", "order", "reasoning")
OFF = dict.fromkeys(PARTS, 0.0)


def label(query, doc_id, grade, **more):
    return Label(
        pair=f"{query}/{doc_id}",
        query=query,
        doc_id=doc_id,
        teacher="t",
        target=ESCI.gains.get(grade, 0.0),
        grade=grade,
        **{"reason": f"{REASON}\nconclusion: {grade}", **more},
    )


LABELS = [label("red shoe", "1", "E"), label("red shoe", "2", "S"), label("hat", "3", "E")]
ANSWERS = answers_of(LABELS, ESCI)


@pytest.fixture
def torch():
    return pytest.importorskip("torch")


@pytest.fixture
def encoder(torch):
    """A tiny encoder whose logits differ by more than rounding."""
    shape = {"vocabulary": 60, "layers": 2, "hidden": 16, "heads": 2, "seed": 1}
    made = tiny_encoder([*TEXTS.values()] * 3, num_labels=4 + HELPERS, **shape)
    with torch.no_grad():
        for weight in made.model.parameters():
            weight.mul_(5 if weight.dim() > 1 else 1)
    made.model.eval()
    return made


def loss_of(encoder, answers=ANSWERS, **weights):
    loss = mkd_loss(
        encoder, TEXTS, answers, classes=ESCI, weights=Weights(**weights), fitting=FITTING
    )
    return loss(encoder.model, lists_of(LABELS, logits=False))


def test_a_chain_becomes_verdicts_and_prose_none():
    chained, prose = answers_of(
        [label("q", "1", "S"), label("q", "2", "S", reason="It is blue.")], ESCI
    ).values()

    assert chained.verdicts == (0, 2, 2, 1)  # match, unspecified, unspecified, mismatch
    assert prose.verdicts == (-100,) * 4
    assert prose.shares == (0.0, 1.0, 0.0, 0.0)


@pytest.mark.students
def test_verdicts_give_the_cross_entropy_worked_by_hand(torch):
    helpers = torch.zeros(2, HELPERS)
    helpers[0, 0] = math.log(4)  # category: match is 4 : 1 : 1
    verdicts = torch.tensor([[0, -100, -100, -100], [-100, -100, -100, 2]])

    loss = verdict_loss(helpers, verdicts)

    assert loss.item() == pytest.approx((math.log(6 / 4) + math.log(3)) / 2)


@pytest.mark.students
def test_order_compares_what_products_are_worth_within_a_query(torch):
    gains = torch.tensor([1.0, 0.0])
    said = torch.tensor([[0.75, 0.25], [0.5, 0.5], [0.5, 0.5]]).log()
    wanted = torch.tensor([[1.0, 0.0], [0.25, 0.75], [0.0, 1.0]])

    assert order_loss(said, wanted, gains, [2, 1]).item() == pytest.approx((0.25 - 0.75) ** 2)


@pytest.mark.students
def test_the_parts_of_the_loss_add_up_as_they_are_weighed(torch, encoder):
    nothing = loss_of(encoder, **OFF)
    parts = [loss_of(encoder, **{**OFF, name: 1.0}).item() for name in PARTS]

    whole = loss_of(encoder, hard=0.5, distribution=2.0, order=3.0, reasoning=0.2)

    assert nothing.item() == 0.0
    assert min(parts) > 0
    expected = sum(weight * part for weight, part in zip((0.5, 2.0, 3.0, 0.2), parts, strict=True))
    assert whole.item() == pytest.approx(expected, rel=1e-4)


@pytest.mark.students
def test_without_a_chain_nothing_is_learnt_of_aspects(torch, encoder):
    prose = answers_of([replace(each, reason="It fits.") for each in LABELS], ESCI)

    loss = loss_of(encoder, prose, **{**OFF, "reasoning": 1.0})
    loss.backward()

    assert loss.item() == 0.0
    assert not encoder.model.classifier.weight.grad.any()


@pytest.mark.students
def test_a_student_without_logits_for_verdicts_learns_classes_alone(torch):
    made = tiny_encoder(
        [*TEXTS.values()] * 3, num_labels=4, vocabulary=60, layers=2, hidden=16, heads=2
    )

    whole, without = loss_of(made), loss_of(made, reasoning=0.0)

    assert whole.item() == without.item() > 0

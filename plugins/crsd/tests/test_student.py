import pytest

from qrmiddleware.distill.classes import ESCI
from qrmiddleware.distill.labels import Label
from qrmiddleware.distill.losses import alignment, distribution_kl, soft_cross_entropy
from qrmiddleware.distill.modelling import tiny_encoder
from qrmiddleware.recipes.fitting import Fitting, rows_of
from qrmiddleware.recipes.targets import lists_of
from qrmiddleware_crsd.recipes.student import Weights, answers_of, augmented, crsd_loss

TEXTS = {"1": "red shoe", "2": "blue shoe", "3": "red hat"}
REASON = "category: match\nbrand: unspecified\nmodel: unspecified\nattribute: mismatch (red)"
FITTING = Fitting(2, 1e-3, max_query_tokens=4, max_tokens=16)


def label(query, doc_id, grade, **more):
    return Label(
        pair=f"{query}/{doc_id}",
        query=query,
        doc_id=doc_id,
        teacher="t",
        target=ESCI.gains.get(grade, 0.0),
        grade=grade,
        reason=f"{REASON}\nconclusion: {grade}",
        **more,
    )


LABELS = [label("red shoe", "1", "E"), label("red shoe", "2", "S"), label("hat", "3", "E")]
ANSWERS = answers_of(LABELS, ESCI)


@pytest.fixture
def encoder():
    """A tiny encoder whose classes differ by more than rounding."""
    torch = pytest.importorskip("torch")
    words = [*TEXTS.values(), REASON] * 3
    made = tiny_encoder(words, vocabulary=90, layers=2, hidden=16, heads=2, num_labels=4, seed=1)
    with torch.no_grad():
        for weight in made.model.parameters():
            weight.mul_(5 if weight.dim() > 1 else 1)
    return made


def loss_of(encoder, **weights):
    encoder.model.eval()
    loss = crsd_loss(encoder, TEXTS, ANSWERS, weights=Weights(**weights), fitting=FITTING)
    return loss(encoder.model, lists_of(LABELS, logits=False))


def test_a_teachers_classes_become_shares_and_its_reasons_lose_the_conclusion():
    sure = answers_of([label("q", "1", "S")], ESCI)["q", "1"]
    doubting = answers_of(
        [label("q", "1", "S", probabilities={"E": 0.25, "S": 0.75})], ESCI, concluded=True
    )["q", "1"]

    assert (sure.shares, sure.reason) == ((0.0, 1.0, 0.0, 0.0), REASON)
    assert doubting.shares == (0.25, 0.75, 0.0, 0.0)
    assert doubting.reason.endswith("conclusion: S")


def test_labels_without_a_known_class_are_refused():
    with pytest.raises(ValueError, match=r"of class '2': the classes are E, S, C, I"):
        answers_of([label("q", "1", "2")], ESCI)


@pytest.mark.students
def test_a_reason_stands_behind_the_pair_and_takes_none_of_its_tokens(encoder):
    (item, _) = lists_of(LABELS, logits=False)
    rows = rows_of(encoder, item, TEXTS, fitting=FITTING)

    longer = augmented(encoder, rows, [REASON, ""], most=5)

    assert longer[0].ids[: len(rows[0].ids)] == rows[0].ids
    assert len(longer[0].ids) == len(rows[0].ids) + 5 + 1
    assert longer[0].ids[-1] == encoder.tokenizer.sep_token_id
    assert longer[1] == rows[1]
    assert augmented(encoder, [], [], most=5) == []


@pytest.mark.students
def test_the_parts_of_the_loss_add_up_as_they_are_weighed(encoder):
    torch = pytest.importorskip("torch")
    off = {"augmented": 0.0, "distilled": 0.0, "aligned": 0.0}
    plain = loss_of(encoder, **off)
    parts = {name: (loss_of(encoder, **{**off, name: 1.0}) - plain).item() for name in off}

    whole = loss_of(encoder, augmented=0.5, distilled=2.0, aligned=0.2)

    expected = 0.5 * parts["augmented"] + 2.0 * parts["distilled"] + 0.2 * parts["aligned"]
    assert whole.item() == pytest.approx(plain.item() + expected, rel=1e-4)
    assert min(parts.values()) > 0
    assert torch.isfinite(whole)


@pytest.mark.students
def test_each_part_is_the_loss_that_it_is_named_for(encoder):
    torch = pytest.importorskip("torch")
    encoder.model.eval()
    items = lists_of(LABELS, logits=False)
    rows = [row for item in items for row in rows_of(encoder, item, TEXTS, fitting=FITTING)]
    longer = augmented(encoder, rows, [REASON] * 3, most=64)

    def views(rows):
        found = [
            encoder.model(
                torch.tensor([row.ids]),
                token_type_ids=torch.tensor([[0] * row.first + [1] * (len(row.ids) - row.first)]),
                output_hidden_states=True,
            )
            for row in rows
        ]
        logits = torch.cat([each.logits for each in found])
        return logits, torch.cat([each.hidden_states[-1][:, 0] for each in found])

    (said, standard), (told, reasoned) = views(rows), views(longer)
    shares = torch.tensor([[1.0, 0, 0, 0], [0, 1.0, 0, 0], [1.0, 0, 0, 0]])

    off = {"augmented": 0.0, "distilled": 0.0, "aligned": 0.0}
    plain = loss_of(encoder, **off)
    assert plain.item() == pytest.approx(soft_cross_entropy(said, shares).item(), rel=1e-4)
    for name, by_hand in {
        "augmented": soft_cross_entropy(told, shares),
        "distilled": distribution_kl(said, told, temperature=2.0),
        "aligned": alignment(standard, reasoned, classes=torch.tensor([0, 1, 0])),
    }.items():
        part = loss_of(encoder, **{**off, name: 1.0}) - plain
        assert part.item() == pytest.approx(by_hand.item(), rel=1e-2), name

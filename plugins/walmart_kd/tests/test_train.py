import pytest

from qrmiddleware.distill.labels import Label
from qrmiddleware.recipes.targets import lists_of
from qrmiddleware_walmart_kd.recipes.train import LOSSES, loss_for


def label(query, doc_id, target):
    return Label(pair=f"{query}/{doc_id}", query=query, doc_id=doc_id, teacher="t", target=target)


@pytest.mark.students
@pytest.mark.parametrize("name", LOSSES)
def test_every_loss_is_least_where_student_and_teacher_agree(name):
    torch = pytest.importorskip("torch")
    probability = name in {"soft", "hard"}
    teacher = torch.tensor([[0.9, 0.1]]) if probability else torch.tensor([[2.0, -2.0]])
    mask = torch.ones(1, 2, dtype=torch.bool)
    items = lists_of([label("a", "1", 0.9), label("a", "2", 0.1)], logits=not probability)
    loss = loss_for(name, items)

    agreeing = loss(torch.tensor([[2.0, -2.0]]), teacher, mask)
    opposed = loss(torch.tensor([[-2.0, 2.0]]), teacher, mask)

    assert float(agreeing) < float(opposed)

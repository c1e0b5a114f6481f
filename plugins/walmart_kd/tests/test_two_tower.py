import pytest

from qrmiddleware.distill.labels import Label
from qrmiddleware.recipes.query_layer import LayerBatch
from qrmiddleware_walmart_kd.recipes.train import LOSSES, learnt_lists, loss_for
from qrmiddleware_walmart_kd.recipes.two_tower import layer_loss


def label(doc_id, target):
    return Label(pair=doc_id, query="q", doc_id=doc_id, teacher="t", target=target)


@pytest.mark.students
@pytest.mark.parametrize("name", LOSSES)
def test_the_layer_learns_by_the_losses_of_cross_encoders(name):
    torch = pytest.importorskip("torch")
    lists = learnt_lists(name, [[label("1", 0.9), label("2", 0.2), label("3", 0.0)]])
    scores = torch.tensor([[0.5, -0.5, 0.1]])
    wanted = torch.tensor([[each.target for each in lists[0].candidates]])
    mask = torch.ones(1, 3, dtype=torch.bool)

    loss = layer_loss(name, lists)(LayerBatch(lists, scores, scores[:, :, None], wanted, mask))

    assert loss.item() == loss_for(name, lists)(scores, wanted, mask).item()

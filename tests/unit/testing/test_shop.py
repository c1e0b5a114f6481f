from qrmiddleware.evaluation.formats.registry import load_catalogue, load_judged
from qrmiddleware.testing.shop import write_shop


def test_the_shop_is_a_judged_catalogue_in_two_folds(tmp_path):
    folder = write_shop(tmp_path / "shop")

    judged = load_judged(folder)
    assert [(query.text, query.fold) for query in judged.queries] == [("kettle", 0), ("toaster", 1)]
    assert len(list(load_catalogue(folder))) == 24
    assert judged.qrels["q0"]["k0"] == 3
    assert judged.qrels["q0"]["t0"] == 0

import msgspec
import pytest

from qrmiddleware.distill.labels import Pair
from qrmiddleware.recipes.beginning import Tiny, begin
from qrmiddleware.recipes.gathering import PAIRS

pytestmark = pytest.mark.students


@pytest.fixture
def work(tmp_path):
    pytest.importorskip("torch")
    pairs = (Pair("red shoe", str(number), "a red shoe of wool") for number in range(3))
    (tmp_path / PAIRS).write_bytes(b"".join(msgspec.json.encode(pair) + b"\n" for pair in pairs))
    return tmp_path


def test_from_nothing_it_knows_the_words_of_the_pairs(work):
    encoder = begin(work, Tiny(60, 1, 8, 2), num_labels=3, seed=1)

    assert encoder.model.config.num_labels == 3
    assert "shoe" in encoder.tokenizer.get_vocab()


def test_of_a_checkpoint_the_first_layers_are_kept(work):
    begin(work, Tiny(60, 3, 8, 2)).save(work / "checkpoint")

    assert begin(work, str(work / "checkpoint"), layers=2).model.config.num_hidden_layers == 2

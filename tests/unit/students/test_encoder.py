import numpy as np
import pytest

from qrmiddleware.errors import ConfigError
from qrmiddleware.students.batches import Row
from qrmiddleware.students.devices import Place, load_ctranslate2
from qrmiddleware.students.encoder import Encoder
from qrmiddleware.students.team import Team

POISON = 39
ROWS = [Row((1, 2, 3), (0, 0, 1)), Row((4,), (0,))]


def encoder(folder, pooling):
    return Encoder(load_ctranslate2(), folder, pooling, Place("cpu", (0,), "float32"), Team(1, 1))


def states(folder, row):
    """The token vectors of one row that is computed alone."""
    model = load_ctranslate2().Encoder(str(folder), compute_type="float32")
    found = model.forward_batch([list(row.ids)], token_type_ids=[list(row.types)])
    return np.array(found.last_hidden_state)[0], np.array(found.pooler_output)[0]


@pytest.mark.parametrize(
    ("pooling", "expected"),
    [
        ("mean", lambda tokens, _: tokens.mean(axis=0)),
        ("first", lambda tokens, _: tokens[0]),
        ("pooler", lambda _, pooled: pooled),
    ],
)
def test_vectors_are_pooled_from_a_rows_own_tokens(encoder_folder, pooling, expected):
    found = encoder(encoder_folder, pooling).vectors(ROWS)

    by_hand = [expected(*states(encoder_folder, row)) for row in ROWS]
    np.testing.assert_allclose(found, by_hand, atol=1e-5)


@pytest.mark.parametrize("pooling", ["mean", "first", "pooler"])
def test_a_row_whose_numbers_are_broken_is_no_number_and_the_next_is_whole(encoder_folder, pooling):
    found = encoder(encoder_folder, pooling).vectors([Row((POISON, 3), (0, 0)), *ROWS])

    assert np.isnan(found[0]).all()
    assert np.isfinite(found[1:]).all()


def test_it_knows_its_width(poolerless_folder):
    assert encoder(poolerless_folder, "mean").hidden == 8


def test_a_missing_pooler_is_told_at_once(poolerless_folder):
    with pytest.raises(ConfigError, match="pooling is `pooler`, and the model has no pooler"):
        encoder(poolerless_folder, "pooler")


def test_a_folder_without_a_model_is_told_at_once(tmp_path):
    with pytest.raises(ConfigError, match=r"it has no model\.bin"):
        encoder(tmp_path, "mean")

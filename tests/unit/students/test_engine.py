import numpy as np
import pytest

from qrmiddleware.students.engine import EncoderEngine, Row
from qrmiddleware.students.settings import RuntimeSettings

SETTINGS = RuntimeSettings(device="cpu", compute_type="float32", inter_threads=2, intra_threads=1)


@pytest.fixture
def engine(encoder_folder):
    made = EncoderEngine(encoder_folder, "pooler", SETTINGS)
    yield made
    made.close()


def row(*ids):
    return Row(ids, (0,) * len(ids))


def test_vectors_come_in_the_order_of_the_rows(engine):
    rows = [row(*range(1, 2 + number % 9)) for number in range(30)]

    found = engine.vectors(rows)

    alone = [engine.vectors([each])[0] for each in rows]
    np.testing.assert_allclose(found, alone, atol=1e-5)
    assert (found.shape, found.dtype) == ((30, 8), np.float32)


def test_no_rows_have_no_vectors(engine):
    assert engine.vectors([]).shape == (0, 8)


def test_a_closed_engine_says_so(engine):
    engine.close()

    with pytest.raises(RuntimeError, match="closed"):
        engine.vectors([row(1)])

"""Converted networks alone; made without torch."""

import runpy
from pathlib import Path

import numpy as np
import pytest

from qrmiddleware.distill.exporting.converted import (
    encode,
    greedy,
    log_probabilities,
    open_encoder,
    open_writer,
)

STUDENTS = Path(__file__).parents[2] / "students"
ENCODERS = runpy.run_path(str(STUDENTS / "conftest.py"))
GENERATORS = runpy.run_path(str(STUDENTS / "generator" / "conftest.py"))

ROWS = [((1, 5, 6), (0, 0, 0)), ((1, 7), (0, 1))]


def test_token_vectors_are_pooled(tmp_path):
    model = open_encoder(ENCODERS["write_encoder"](tmp_path / "model"))

    mean, first, pooler = (encode(model, ROWS, each) for each in ("mean", "first", "pooler"))

    assert mean.shape == first.shape == pooler.shape == (2, 8)
    assert not np.allclose(mean, first)
    assert np.abs(pooler).max() <= 1
    assert np.allclose(encode(model, ROWS[1:], "mean"), mean[1:])


@pytest.mark.parametrize("encoder_decoder", [False, True])
def test_tokens_are_scored_and_written(tmp_path, encoder_decoder):
    folder = GENERATORS["make_generator_student"](tmp_path, encoder_decoder=encoder_decoder)
    model = open_writer(folder / "model", "float32", encoder_decoder=encoder_decoder)
    kind = {"encoder_decoder": encoder_decoder}

    scores = log_probabilities(model, ["a", "b"], ["c"], **kind)
    written = greedy(model, ["a", "b"], 3, **kind)

    assert scores.shape == (2,)
    assert (scores < 0).all()
    assert len(written) <= 3
    assert set(written) <= set(GENERATORS["VOCABULARY"])

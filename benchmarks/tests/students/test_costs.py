from hypothesis import given
from hypothesis import strategies as st

from qrmiddleware_benchmarks.students.costs import (
    Precision,
    batch_cost,
    layer_weights,
    parameters,
)
from qrmiddleware_benchmarks.students.shapes import SHAPES, Shape, Task

TOY = Shape("toy", Task.CROSS_ENCODER, 1, 4, 2, 8, 10, 2, 2)
TOY_DECODER = Shape("toy", Task.GENERATOR, 1, 4, 2, 8, 10, 1, 2)


def test_a_toy_encoder_costs_what_one_counts_by_hand():
    # A layer: 4 projections of 4 x 4 and two matrices of 4 x 8, 64 + 64 = 128 weights.
    # The head: 4 x 4 + 4 x 1 = 20 weights, once a row. Rows of 2 and 3 tokens.
    weights = 128 + 20
    flops = 2 * 128 * 5 + 2 * 20 * 2 + 4 * 4 * (2 * 2 + 3 * 3)
    # In and out of the products of one token: 4 + 3 * 4, 4 + 4, 4 + 8, 8 + 4 floats.
    moved = 4 * 5 * (16 + 8 + 12 + 12)

    assert layer_weights(TOY) == 128
    assert batch_cost(TOY, [2, 3], Precision.FLOAT32).flops == flops
    assert batch_cost(TOY, [2, 3], Precision.FLOAT32).size_bytes == 4 * weights + moved
    assert batch_cost(TOY, [2, 3], Precision.INT8).size_bytes == weights + moved


def test_a_toy_decoder_costs_what_one_counts_by_hand():
    # A layer: query 4 x 4, key and value 4 x 2 each, output 4 x 4, three matrices of 4 x 8.
    layer = 16 + 2 * 8 + 16 + 3 * 32
    # A prompt of 3 and 8 new tokens: 10 inputs, 8 times the logits of 10 tokens.
    flops = 2 * layer * 10 + 2 * 40 * 8 + 4 * 4 * (10 * 11 // 2)
    # In and out: 4 + 4 + 2 + 2 (query, key, value), 4 + 4, twice 4 + 8, 8 + 4 floats.
    moved = 4 * 10 * (12 + 8 + 24 + 12)

    assert layer_weights(TOY_DECODER) == layer
    assert batch_cost(TOY_DECODER, [3], Precision.FLOAT32).flops == flops
    assert batch_cost(TOY_DECODER, [3], Precision.INT8).size_bytes == (layer + 40) * 8 + moved


def test_minilm_over_a_hundred_pairs_costs_what_is_published():
    minilm = next(shape for shape in SHAPES if shape.name == "L6-H384")

    cost = batch_cost(minilm, [20] * 100, Precision.INT8)

    assert minilm.layers * layer_weights(minilm) == 10_616_832
    assert round(cost.flops / 1e9) == 43


def test_parameters_hold_the_embeddings():
    assert parameters(TOY) == 128 + 20 + 40
    assert parameters(TOY_DECODER) == layer_weights(TOY_DECODER) + 40


@given(st.sampled_from(SHAPES), st.lists(st.integers(1, 64), min_size=1, max_size=8))
def test_rows_add_up_but_weights_are_read_once(shape, lengths):
    together = batch_cost(shape, lengths, Precision.FLOAT32)
    alone = [batch_cost(shape, [length], Precision.FLOAT32) for length in lengths]

    assert together.flops == sum(each.flops for each in alone)
    assert together.size_bytes <= sum(each.size_bytes for each in alone)


def test_precisions_have_their_size():
    assert [each.size_bytes for each in Precision] == [4, 2, 1]

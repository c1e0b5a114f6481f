import json
import math
import struct
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from safetensors.numpy import save_file

from qrmiddleware.errors import ConfigError
from qrmiddleware.students.heads import Head, sigmoid, softmax
from qrmiddleware.students.manifest import Architecture, Calibration, Manifest

OUT = {"out.weight": [[1, 0], [0, 1], [1, 1]], "out.bias": [0, 0, 0.5]}
DENSE = {"dense.weight": [[0, 1], [1, 0]], "dense.bias": [0, 1]}
ASPECTS = {"aspects.weight": [[1, 0], [0, 1], [2, 0], [0, 2]], "aspects.bias": [0, 0, 0, 1]}
NAMED = {"aspects": ("brand", "model")}
VECTORS = np.array([[1, -2], [0.5, 0]], np.float32)


def manifest(kind="cross_encoder", labels=("exact", "substitute", "none"), aspects=()):
    network = Architecture(
        family="bert", layers=1, hidden=2, vocabulary=9, parameters=9, pooling="first"
    )
    gains = (0.0,) * len(labels)
    return Manifest(
        kind=kind,
        name="tiny",
        architecture=network,
        labels=labels,
        gains=gains,
        aspects=aspects,
        verdicts=("match", "mismatch") if aspects else (),
        files={},
    )


@pytest.fixture
def read_head(tmp_path):
    def read(tensors, metadata=None, dtype=np.float32, **options):
        arrays = {name: np.array(values, dtype) for name, values in tensors.items()}
        save_file(arrays, tmp_path / "head.safetensors", metadata=metadata)
        return Head.read(tmp_path / "head.safetensors", manifest(**options))

    return read


def test_a_plain_head_is_a_linear_layer(read_head):
    logits = read_head(OUT)(VECTORS)

    np.testing.assert_allclose(logits, [[1, -2, -0.5], [0.5, 0, 1]])
    assert logits.dtype == np.float32


@pytest.mark.parametrize(
    ("activation", "expected"),
    [
        ("identity", [-2, 2, 0.5]),
        ("relu", [0, 2, 2.5]),
        ("tanh", [math.tanh(-2), math.tanh(2), 0.5]),
    ],
)
def test_a_dense_layer_comes_before_with_its_activation(read_head, activation, expected):
    logits = read_head(OUT | DENSE, {"activation": activation})(VECTORS)

    np.testing.assert_allclose(logits[0], expected, rtol=1e-6, atol=1e-6)


def test_half_precision_and_a_missing_bias_are_read(read_head):
    logits = read_head({"out.weight": OUT["out.weight"]}, dtype=np.float16)(VECTORS)

    np.testing.assert_allclose(logits[0], [1, -2, -1])
    assert logits.dtype == np.float32


def test_a_student_without_labels_has_one_logit(read_head):
    assert read_head({"out.weight": [[1, 2]]}, labels=())(VECTORS).shape == (2, 1)


def test_a_bi_encoders_head_is_its_dense_layer(read_head):
    wider = {"dense.weight": [[0, 1], [1, 0], [1, 1]]}

    assert read_head(wider, kind="bi_encoder", labels=())(VECTORS).shape == (2, 3)


@pytest.mark.parametrize(
    ("tensors", "problem"),
    [
        ({}, r"out\.weight is missing"),
        (OUT | {"out.weight": [[1, 0]]}, r"out\.weight has shape \(1, 2\).*ask for \(3, 2\)"),
        (OUT | {"out.bias": [1]}, r"out\.bias has shape \(1,\).*ask for \(3,\)"),
        (OUT | {"out.weight": [1.0]}, r"out\.weight has shape \(1,\)"),
        (OUT | {"dense.weight": [[1, 0, 0]]}, r"dense\.weight has shape \(1, 3\)"),
        (OUT | {"dense.weight": [[1, 0]]}, r"out\.weight has shape \(3, 2\).*ask for \(3, 1\)"),
        (OUT | {"dense.weight": 1}, r"dense\.weight has shape \(\)"),
        (OUT | {"norm.weight": [1]}, r"unknown tensor norm\.weight"),
        (OUT | {"out.bias": [0, math.nan, 0]}, r"out\.bias holds values that are not finite"),
        (OUT | {"dense.bias": [0]}, r"dense\.weight is missing"),
    ],
)
def test_refuses_tensors_that_do_not_fit_the_manifest(read_head, tensors, problem):
    with pytest.raises(ConfigError, match=problem):
        read_head(tensors)


def test_queries_go_through_a_layer_of_their_own(read_head):
    head = read_head({"query.weight": [[0, 1], [1, 0]]}, kind="bi_encoder", labels=())
    vectors = np.array([[3, 4]], np.float32)

    assert head(vectors).tolist() == [[3, 4]]
    assert head(vectors, query=True) == pytest.approx(np.array([[0.8, 0.6]]))


def test_a_layer_for_queries_comes_after_the_dense_layer(read_head):
    wider = {"dense.weight": [[0, 1], [1, 0], [1, 1]], "query.weight": np.eye(3)[::-1]}
    head = read_head(wider, kind="bi_encoder", labels=())

    assert head(np.array([[0, 2]], np.float32), query=True) == pytest.approx(
        np.array([[0.5**0.5, 0, 0.5**0.5]])
    )


def test_refuses_a_layer_for_queries_of_another_width(read_head):
    with pytest.raises(ConfigError, match=r"query\.weight has shape \(1, 2\)"):
        read_head({"query.weight": [[1, 0]]}, kind="bi_encoder", labels=())


def test_a_cross_encoder_has_no_layer_for_queries(read_head):
    with pytest.raises(ConfigError, match="reads query and text together"):
        read_head(OUT | {"query.weight": [[1, 0], [0, 1]]})


def test_refuses_what_no_bi_encoder_has(read_head):
    with pytest.raises(ConfigError, match=r"no out\.weight"):
        read_head(OUT, kind="bi_encoder", labels=())


def test_refuses_other_numbers_and_activations(read_head):
    with pytest.raises(ConfigError, match="is float64, not float32"):
        read_head(OUT, dtype=np.float64)
    with pytest.raises(ConfigError, match="activation 'gelu' is none of identity, relu, tanh"):
        read_head(OUT | DENSE, {"activation": "gelu"})


def bfloat16_file():
    header = {"out.weight": {"dtype": "BF16", "shape": [3, 2], "data_offsets": [0, 12]}}
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + bytes(12)


@pytest.mark.parametrize("content", [b"", b"nonsense", bfloat16_file()])
def test_refuses_a_file_that_cannot_be_read(tmp_path, content):
    (tmp_path / "head.safetensors").write_bytes(content)

    with pytest.raises(ConfigError, match=r"head\.safetensors"):
        Head.read(tmp_path / "head.safetensors", manifest())


def test_softmax_by_hand():
    found = softmax(np.array([[0, math.log(3)], [1000, 1000]], np.float32))

    np.testing.assert_allclose(found, [[0.25, 0.75], [0.5, 0.5]], rtol=1e-6)


def test_sigmoid_by_hand():
    logits = np.array([[0], [math.log(3)], [-1000], [1000]], np.float32)

    np.testing.assert_allclose(sigmoid(logits, None)[:, 0], [0.5, 0.75, 0, 1], rtol=1e-6)
    calibrated = sigmoid(logits, Calibration(slope=2, intercept=math.log(3)))
    np.testing.assert_allclose(calibrated[:2, 0], [0.75, 27 / 28], rtol=1e-6)


def test_logits_at_the_ends_of_float32_are_certain_without_a_warning():
    ends = np.array([[-3e38, 3e38]], np.float32)

    np.testing.assert_allclose(softmax(ends), [[0, 1]])
    np.testing.assert_allclose(sigmoid(ends, Calibration(slope=9)), [[0, 1]])


@given(arrays(np.float32, (4, 3), elements=st.floats(-1024, 1024, width=32)))
def test_softmax_rows_are_probabilities_in_the_order_of_the_logits(logits):
    found = softmax(logits)

    np.testing.assert_allclose(found.sum(axis=1), 1, rtol=1e-5)
    assert ((found >= 0) & (found <= 1)).all()
    assert (found.max(axis=1) == found[range(4), logits.argmax(axis=1)]).all()


def test_verdicts_come_from_a_layer_of_their_own_beside_the_classes(read_head):
    head = read_head(OUT | ASPECTS, **NAMED)

    assert head.verdicts(VECTORS).tolist() == [[1, -2, 2, -3], [0.5, 0, 1, 1]]
    assert head(VECTORS).tolist() == read_head(OUT)(VECTORS).tolist()


def test_verdicts_share_the_dense_layer_with_the_classes(read_head):
    head = read_head(OUT | DENSE | ASPECTS, {"activation": "relu"}, **NAMED)

    assert head.verdicts(VECTORS)[0].tolist() == [0, 2, 0, 5]


def test_classes_are_computed_without_the_aspects_layer(read_head):
    computed = []

    def counting(vectors):
        computed.append(len(vectors))
        return vectors

    head = replace(read_head(OUT | ASPECTS, **NAMED), aspects=counting)

    head(VECTORS)
    assert computed == []
    head.verdicts(VECTORS)
    assert computed == [2]


def test_without_aspects_there_are_no_verdicts(read_head):
    with pytest.raises(ValueError, match="without aspects has no verdicts"):
        read_head(OUT).verdicts(VECTORS)


@pytest.mark.parametrize(
    ("tensors", "options", "problem"),
    [
        (OUT, NAMED, r"aspects\.weight is missing"),
        (OUT | ASPECTS, {}, "the manifest names no aspects and verdicts"),
        (OUT | ASPECTS, {"aspects": ("brand",)}, r"has shape \(4, 2\).*ask for \(2, 2\)"),
        (OUT | ASPECTS | {"aspects.bias": [1]}, NAMED, r"aspects\.bias has shape \(1,\)"),
        (OUT | DENSE | {"dense.weight": [[1, 0]]} | ASPECTS, NAMED, r"ask for \(4, 1\)"),
        (DENSE | ASPECTS, {"kind": "bi_encoder", "labels": ()}, r"has no aspects\.weight"),
    ],
)
def test_refuses_aspects_that_do_not_fit_the_manifest(read_head, tensors, options, problem):
    with pytest.raises(ConfigError, match=problem):
        read_head(tensors, **options)

"""Heads, taken out of a checkpoint."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import save_file

from qrmiddleware.distill.exporting.heads import HeadWeights, classifier_head, dense_head
from qrmiddleware.errors import ConfigError


class Weights:
    """What torch calls a parameter."""

    def __init__(self, values):
        self.values = np.asarray(values, dtype=np.float64)

    def detach(self):
        return self

    def numpy(self):
        return self.values


def make_layer(outputs, inputs):
    parts = {"weight": Weights(np.ones((outputs, inputs))), "bias": Weights(np.zeros(outputs))}
    return SimpleNamespace(named_parameters=parts.items)


MODELS = {
    "pooler": SimpleNamespace(classifier=make_layer(2, 8)),
    "dense_tanh": SimpleNamespace(
        classifier=SimpleNamespace(dense=make_layer(8, 8), out_proj=make_layer(2, 8))
    ),
    "dense_relu": SimpleNamespace(pre_classifier=make_layer(8, 8), classifier=make_layer(2, 8)),
}


@pytest.mark.parametrize(
    ("head", "activation", "names"),
    [
        ("pooler", "identity", {"out.weight", "out.bias"}),
        ("dense_tanh", "tanh", {"out.weight", "out.bias", "dense.weight", "dense.bias"}),
        ("dense_relu", "relu", {"out.weight", "out.bias", "dense.weight", "dense.bias"}),
    ],
)
def test_a_classifiers_layers_are_taken_by_name(tmp_path, head, activation, names):
    taken = classifier_head(MODELS[head], head)
    taken.write(tmp_path / "head.safetensors")

    with safe_open(tmp_path / "head.safetensors", framework="numpy") as file:
        assert set(file.keys()) == names
        assert file.metadata() == {"activation": activation}
        assert file.get_tensor("out.weight").shape == (2, 8)
        assert file.get_tensor("out.weight").dtype == np.float32


def write_dense(folder, activation="torch.nn.modules.activation.Tanh", **tensors):
    (folder / "config.json").write_text(json.dumps({"activation_function": activation}))
    if tensors:
        named = {f"linear.{name}": values for name, values in tensors.items()}
        save_file(named, folder / "model.safetensors")
    return folder


def test_a_dense_layer_is_read_without_or_with_bias(tmp_path):
    weight = np.ones((4, 8), np.float16)

    plain = dense_head(write_dense(tmp_path, weight=weight))
    shifted = dense_head(write_dense(tmp_path, weight=weight, bias=np.ones(4, np.float16)))

    assert isinstance(plain, HeadWeights)
    assert plain.activation == "tanh"
    assert plain.tensors["dense.weight"].dtype == np.float32
    assert plain.tensors["dense.bias"].tolist() == [0] * 4
    assert shifted.tensors["dense.bias"].tolist() == [1] * 4


def test_an_activation_that_students_do_not_have_is_refused(tmp_path):
    folder = write_dense(tmp_path, activation="torch.nn.modules.activation.GELU")

    with pytest.raises(ConfigError, match=r"activation GELU, .* Tanh, Identity, ReLU"):
        dense_head(folder)


@pytest.mark.parametrize("tensors", [{}, {"other": np.ones(3, np.float32)}])
def test_a_dense_layer_without_weights_is_refused(tmp_path, tensors):
    folder = write_dense(tmp_path, **tensors)

    with pytest.raises(ConfigError, match="cannot be read as a dense layer"):
        dense_head(folder)

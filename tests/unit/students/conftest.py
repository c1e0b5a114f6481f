"""Tiny encoders with random weights, as CTranslate2 reads them; made without torch."""

import numpy as np
import pytest

VOCABULARY, HIDDEN, LAYERS, HEADS, POSITIONS = 40, 8, 2, 2, 32
POISON = 39
"""A token whose embedding is no number, for what a broken model does."""


def write_encoder(
    folder,
    *,
    layers=LAYERS,
    hidden=HIDDEN,
    heads=HEADS,
    vocabulary=VOCABULARY,
    positions=POSITIONS,
    pooler=True,
    quantization=None,
):
    """Write a BERT-like encoder; its last token is ``POISON`` where the vocabulary is tiny."""
    from ctranslate2.specs import common_spec, transformer_spec

    drawn = np.random.default_rng(7)
    encoder = transformer_spec.TransformerEncoderSpec(
        layers,
        heads,
        pre_norm=False,
        activation=common_spec.Activation.GELU,
        layernorm_embedding=True,
        num_source_embeddings=2,
        embeddings_merge=common_spec.EmbeddingsMerge.ADD,
    )
    spec = transformer_spec.TransformerEncoderModelSpec(encoder, pooling_layer=pooler)
    encoder.scale_embeddings = False

    def weights(*shape):
        return drawn.normal(0, 0.5 / hidden**0.25, shape).astype(np.float32)

    def linear(layer, outputs, inputs):
        layer.weight, layer.bias = weights(outputs, inputs), weights(outputs)

    def norm(layer):
        layer.gamma, layer.beta = np.ones(hidden, np.float32), np.zeros(hidden, np.float32)

    encoder.embeddings[0].weight = weights(vocabulary, hidden)
    if vocabulary == VOCABULARY:
        encoder.embeddings[0].weight[POISON] = np.nan
    encoder.embeddings[1].weight = weights(2, hidden)
    encoder.position_encodings.encodings = weights(positions, hidden)
    norm(encoder.layernorm_embedding)
    for layer in encoder.layer:
        linear(layer.self_attention.linear[0], 3 * hidden, hidden)
        linear(layer.self_attention.linear[1], hidden, hidden)
        norm(layer.self_attention.layer_norm)
        linear(layer.ffn.linear_0, 4 * hidden, hidden)
        linear(layer.ffn.linear_1, hidden, 4 * hidden)
        norm(layer.ffn.layer_norm)
    if pooler:
        linear(spec.pooler_dense, hidden, hidden)
    spec.register_vocabulary([f"w{number}" for number in range(vocabulary)])
    spec.config.unk_token = spec.config.bos_token = spec.config.eos_token = "w0"  # noqa: S105 - no password
    spec.config.layer_norm_epsilon = 1e-12
    spec.validate()
    spec.optimize(quantization=quantization)
    folder.mkdir(parents=True, exist_ok=True)
    spec.save(str(folder))
    return folder


@pytest.fixture(scope="session")
def encoder_folder(tmp_path_factory):
    """A model folder of an encoder that is 8 wide and knows 40 tokens."""
    return write_encoder(tmp_path_factory.mktemp("encoder") / "model")


@pytest.fixture(scope="session")
def poolerless_folder(tmp_path_factory):
    """The same without BERT's layer over the first token."""
    return write_encoder(tmp_path_factory.mktemp("poolerless") / "model", pooler=False)

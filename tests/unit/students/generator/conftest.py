"""Tiny generators with random weights, as CTranslate2 reads them; made without torch."""

import numpy as np
import pytest
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors

from qrmiddleware.students.folder import write_student
from qrmiddleware.students.manifest import Architecture, Inputs, Manifest

SPECIAL = ("<s>", "</s>", "<unk>", "<pad>")
LETTERS = ("a", "b", "c", "d", "Ġ", "Ġa", "Ġb", "Ġc", "ab", "cd", "Ġab", "Ġcd")
MERGES = (("a", "b"), ("c", "d"), ("Ġ", "ab"), ("Ġ", "cd"), ("Ġ", "a"), ("Ġ", "b"), ("Ġ", "c"))
FILLING = ("<extra_0>", "<extra_1>")
"""Tokens of the model that the tokenizer does not know, as they fill a matrix up."""
VOCABULARY = (*SPECIAL, *LETTERS, *FILLING)


class Weights:
    """Draws the weights of a model.

    Attributes:
        scale: Of matrices; ``nan`` makes a broken model.
        sharpness: Of the distribution over tokens.
    """

    def __init__(self, hidden, heads, *, seed, sharpness, scale=1.0):
        self.hidden, self.heads, self.sharpness, self.scale = hidden, heads, sharpness, scale
        self._chance = np.random.default_rng(seed)

    def matrix(self, outputs, inputs, scale=None):
        width = (self.scale if scale is None else scale) / inputs**0.5
        return self._chance.normal(0, 1, (outputs, inputs)).astype(np.float32) * np.float32(width)

    def linear(self, layer, outputs, inputs, *, bias):
        layer.weight = self.matrix(outputs, inputs)
        if bias:
            layer.bias = np.zeros(outputs, np.float32)

    def norm(self, layer, *, bias):
        layer.gamma = np.ones(self.hidden, np.float32)
        if bias:
            layer.beta = np.zeros(self.hidden, np.float32)

    def attention(self, layer, *, bias, cross=False):
        hidden = self.hidden
        self.norm(layer.layer_norm, bias=bias)
        sizes = (hidden, 2 * hidden, hidden) if cross else (3 * hidden, hidden)
        for part, size in zip(layer.linear, sizes, strict=True):
            self.linear(part, size, hidden, bias=bias)

    def feed_forward(self, layer, *, bias):
        self.norm(layer.layer_norm, bias=bias)
        self.linear(layer.linear_0, 2 * self.hidden, self.hidden, bias=bias)
        self.linear(layer.linear_1, self.hidden, 2 * self.hidden, bias=bias)
        if hasattr(layer, "linear_0_noact"):
            self.linear(layer.linear_0_noact, 2 * self.hidden, self.hidden, bias=bias)

    def ends(self, decoder, size):
        """Embeddings and the projection onto the vocabulary."""
        decoder.scale_embeddings = False
        decoder.embeddings.weight = self.matrix(size, self.hidden, scale=self.hidden**0.5)
        decoder.projection.weight = self.matrix(size, self.hidden, scale=self.sharpness)
        bias = np.zeros(size, np.float32)
        bias[[0, 2, 3]] = bias[-len(FILLING) :] = -5  # tokens that a trained model never writes
        bias[1] = 2
        decoder.projection.bias = bias


def write_decoder_only(folder, weights, vocabulary, *, layers, end, quantization):
    from ctranslate2.specs import TransformerDecoderModelSpec, common_spec

    spec = TransformerDecoderModelSpec.from_config(
        layers,
        weights.heads,
        activation=common_spec.Activation.SWISH,
        ffn_glu=True,
        rms_norm=True,
        rotary_dim=0,
        rotary_interleave=False,
        qk_norm=True,
    )
    decoder = spec.decoder
    weights.ends(decoder, len(vocabulary))
    weights.norm(decoder.layer_norm, bias=False)
    for layer in decoder.layer:
        weights.attention(layer.self_attention, bias=False)
        for norm in (layer.self_attention.q_norm, layer.self_attention.k_norm):
            norm.gamma = np.ones(weights.hidden // weights.heads, np.float32)
        weights.feed_forward(layer.ffn, bias=False)
    spec.register_vocabulary(list(vocabulary))
    save(spec, folder, end, quantization)


def write_encoder_decoder(folder, weights, vocabulary, *, layers, end, quantization):
    from ctranslate2.specs import TransformerSpec

    spec = TransformerSpec.from_config(layers, weights.heads)
    weights.ends(spec.decoder, len(vocabulary))
    spec.encoder.scale_embeddings = False
    spec.encoder.embeddings[0].weight = spec.decoder.embeddings.weight
    positions = weights.matrix(128, weights.hidden)
    for side in (spec.encoder, spec.decoder):
        side.position_encodings.encodings = positions
        weights.norm(side.layer_norm, bias=True)
        for layer in side.layer:
            weights.attention(layer.self_attention, bias=True)
            if side is spec.decoder:
                weights.attention(layer.attention, bias=True, cross=True)
            weights.feed_forward(layer.ffn, bias=True)
    spec.register_source_vocabulary(list(vocabulary))
    spec.register_target_vocabulary(list(vocabulary))
    spec.config.add_attribute("decoder_start_token", "<s>")
    save(spec, folder, end, quantization)


def save(spec, folder, end, quantization):
    spec.config.bos_token, spec.config.eos_token, spec.config.unk_token = "<s>", end, "<unk>"
    spec.config.layer_norm_epsilon = 1e-6
    spec.validate()
    spec.optimize(quantization=quantization)
    folder.mkdir(parents=True)
    spec.save(str(folder))


def make_tokenizer(*, ends=False):
    """Byte-level pairs over four letters; special tokens are added, and ``</s>`` if asked."""
    known = {token: place for place, token in enumerate((*SPECIAL, *LETTERS))}
    tokenizer = Tokenizer(models.BPE(known, list(MERGES)))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(token, special=True) for token in SPECIAL])
    if ends:
        tokenizer.post_processor = processors.TemplateProcessing(
            single="$A </s>", special_tokens=[("</s>", known["</s>"])]
        )
    return tokenizer


def make_generator_student(
    path,
    *,
    encoder_decoder=False,
    prompt="{query}",
    end="</s>",
    terms=(),
    hidden=16,
    heads=2,
    seed=0,
    sharpness=2.0,
    scale=1.0,
    quantization=None,
    vocabulary=VOCABULARY,
    layers=2,
    inputs=(),
    ends=None,
):
    """Write a whole student's folder."""
    weights = Weights(hidden, heads, seed=seed, sharpness=sharpness, scale=scale)
    write = write_encoder_decoder if encoder_decoder else write_decoder_only
    write(path / "model", weights, vocabulary, layers=layers, end=end, quantization=quantization)
    make_tokenizer(ends=encoder_decoder if ends is None else ends).save(
        str(path / "tokenizer.json")
    )
    if terms:
        (path / "terms.txt").write_text("\n".join(terms), encoding="utf-8")
    architecture = Architecture(
        family="t5" if encoder_decoder else "qwen3",
        layers=2,
        hidden=hidden,
        vocabulary=len(vocabulary),
        parameters=1,
        encoder_decoder=encoder_decoder,
    )
    manifest = Manifest(
        kind="generator",
        name="tiny",
        architecture=architecture,
        inputs=Inputs(prompt=prompt, **dict(inputs)),
        files={},
    )
    write_student(path, manifest)
    return path


@pytest.fixture(scope="session")
def make_student(tmp_path_factory):
    """Make the folder of a tiny student; equal wishes share one."""
    made = {}

    def make(**wishes):
        key = repr(sorted(wishes.items()))
        if key not in made:
            folder = tmp_path_factory.mktemp("student") / "tiny"
            made[key] = make_generator_student(folder, **wishes)
        return made[key]

    return make


@pytest.fixture(scope="session")
def tokenizer_of():
    """Make a tokenizer as the tiny students have."""
    return make_tokenizer


@pytest.fixture(scope="session")
def tokenizer():
    """Make the tiny students' tokenizer."""
    return make_tokenizer()


@pytest.fixture(scope="session", params=[False, True], ids=["decoder_only", "encoder_decoder"])
def student(request, make_student):
    """A student of each kind."""
    return make_student(encoder_decoder=request.param, seed=1)

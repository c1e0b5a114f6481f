"""Tiny students with random weights, as CTranslate2 and tokenizers read them; without torch."""

import numpy as np
import pytest
from safetensors.numpy import save_file
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

from qrmiddleware.students.folder import write_student
from qrmiddleware.students.manifest import Architecture, Inputs, Manifest

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


CORPUS = [
    "red running shoe for women size 42, 12-pack",
    "hp laserjet toner cartridge tn-2110 black original",
    "usb-c charging cable 2 m, braided nylon, grey",
    "çilek reçeli 380 gr",
    "赤い靴 レディース",
]


def bert_tokenizer(size=200):
    """A WordPiece tokenizer as BERT has it, trained on a few titles."""
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))  # noqa: S106 - no password
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
    trainer = trainers.WordPieceTrainer(
        vocab_size=size, special_tokens=special, show_progress=False
    )
    tokenizer.train_from_iterator(CORPUS * 3, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    )
    return tokenizer


def roberta_tokenizer(size=320):
    """A byte-level BPE tokenizer as RoBERTa has it, trained on a few titles."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    special = ["<s>", "<pad>", "</s>", "<unk>"]
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        special_tokens=special,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(CORPUS * 3, trainer)
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0))
    return tokenizer


def xlm_tokenizer(size=150):
    """A Unigram tokenizer as XLM-R has it, trained on a few titles."""
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    trainer = trainers.UnigramTrainer(
        vocab_size=size,
        special_tokens=["<s>", "<pad>", "</s>", "<unk>"],
        unk_token="<unk>",  # noqa: S106 - no password
        show_progress=False,
    )
    tokenizer.train_from_iterator(CORPUS * 3, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>",
        pair="<s> $A </s> </s> $B </s>",
        special_tokens=[("<s>", 0), ("</s>", 2)],
    )
    return tokenizer


KINDS = {"bert": bert_tokenizer, "roberta": roberta_tokenizer, "xlm": xlm_tokenizer}


@pytest.fixture(scope="session", params=KINDS.values(), ids=KINDS)
def any_tokenizer(request):
    """Each kind of tokenizer in turn."""
    return request.param()


@pytest.fixture(scope="session")
def bert():
    """A WordPiece tokenizer."""
    return bert_tokenizer()


def draw_head(labels=1, hidden=HIDDEN, dense=False):
    """A head's tensors with random weights."""
    drawn = np.random.default_rng(3)
    shapes = {"out.weight": (labels, hidden), "out.bias": (labels,)}
    if dense:
        shapes |= {"dense.weight": (hidden, hidden), "dense.bias": (hidden,)}
    return {name: drawn.normal(0, 1, shape).astype(np.float32) for name, shape in shapes.items()}


@pytest.fixture(scope="session")
def make_student(tmp_path_factory, bert):
    """Write a student's folder with random weights, 8 wide; fields of the manifest may be given."""

    def make(kind="cross_encoder", *, head=None, metadata=None, pooling="pooler", **fields):
        folder = tmp_path_factory.mktemp(kind)
        vocabulary = bert.get_vocab_size()
        write_encoder(folder / "model", vocabulary=vocabulary, pooler=pooling == "pooler")
        bert.save(str(folder / "tokenizer.json"))
        if head is None and kind == "cross_encoder":
            head = draw_head(max(1, len(fields.get("labels", ()))))
        if head is not None:
            save_file(head, folder / "head.safetensors", metadata=metadata)
        architecture = Architecture(
            family="bert",
            layers=LAYERS,
            hidden=HIDDEN,
            vocabulary=vocabulary,
            parameters=1000,
            pooling=pooling,
        )
        plain = {
            "name": "tiny",
            "architecture": architecture,
            "inputs": Inputs(max_query_tokens=8, max_tokens=POSITIONS, token_types=True),
        }
        write_student(folder, Manifest(kind=kind, files={}, **(plain | fields)))
        return folder

    return make

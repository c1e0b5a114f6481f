"""Tiny students with random weights, as CTranslate2 and tokenizers read them; without torch."""

import numpy as np
import pytest
from safetensors.numpy import save_file
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

from qrmiddleware.students.folder import write_student
from qrmiddleware.students.manifest import Architecture, Inputs, Manifest
from qrmiddleware.testing import students

VOCABULARY, HIDDEN, LAYERS, HEADS, POSITIONS = 40, 8, 2, 2, 32
POISON = 39
"""A token whose embedding is no number, for what a broken model does."""


def write_encoder(folder, *, vocabulary=VOCABULARY, **shape):
    """Write a BERT-like encoder; its last token is ``POISON`` where the vocabulary is tiny."""
    sizes = {"layers": LAYERS, "hidden": HIDDEN, "heads": HEADS, "positions": POSITIONS, "seed": 9}
    poisoned = [POISON] if vocabulary == VOCABULARY else []
    tokens = [f"w{number}" for number in range(vocabulary)]
    return students.write_encoder(folder, vocabulary=tokens, poisoned=poisoned, **(sizes | shape))


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

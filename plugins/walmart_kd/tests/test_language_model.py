"""A language model as the teacher: adapters trained, interrupted, merged, and labelling."""

import json

import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from typer.testing import CliRunner

from qrmiddleware.distill.label_store import LabelStore, read_labels
from qrmiddleware.distill.labels import Label, Pair
from qrmiddleware.distill.lora import Lora
from qrmiddleware.distill.modelling import load_classifier
from qrmiddleware.distill.teachers.classifier import ClassifierOptions, ClassifierTeacher
from qrmiddleware.errors import ConfigError
from qrmiddleware.recipes import loop
from qrmiddleware.recipes.fitting import Fitting, fit, list_loss, logits_of
from qrmiddleware.recipes.targets import lists_of
from qrmiddleware_walmart_kd.commands import app
from qrmiddleware_walmart_kd.recipes.train import loss_for

TEXTS = {"1": "red shoe", "2": "blue hat", "3": "green sock"}
JUDGED = [
    Label(
        pair=f"{query}/{doc_id}",
        query=query,
        doc_id=doc_id,
        teacher="judgments:people:0",
        target=float(query in text),
    )
    for query in ("red", "blue", "green", "shoe")
    for doc_id, text in TEXTS.items()
]
LISTS = lists_of(JUDGED, logits=False)
FITTING = Fitting(steps=12, rate=1e-2, queries=2, hits=3, max_query_tokens=4, max_tokens=32)


@pytest.fixture
def base(tmp_path):
    """A tiny Qwen3 that has never been a classifier."""
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    pieces = Tokenizer(models.BPE())
    pieces.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    pieces.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=300,
        special_tokens=["<end>"],
        initial_alphabet=alphabet,
        show_progress=False,
    )
    pieces.train_from_iterator([*TEXTS.values(), "Query: Product: Relevant:"], trainer)
    config = transformers.Qwen3Config(
        vocab_size=pieces.get_vocab_size(),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=16,
        intermediate_size=64,
        initializer_range=0.2,
        bos_token_id=None,
        eos_token_id=0,
    )
    torch.manual_seed(0)
    transformers.Qwen3ForCausalLM(config).save_pretrained(tmp_path / "qwen3")
    named = {"eos_token": "<end>"}  # and none to pad with, as Llama has none
    tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_object=pieces, **named)
    tokenizer.save_pretrained(tmp_path / "qwen3")
    return tmp_path / "qwen3"


class KilledError(Exception):
    """Ends a training where a kill would."""


def learn(base, checkpoints, *, killed_at=None, rank=4):
    encoder = load_classifier(str(base), lora=Lora(rank))
    soft = loss_for("soft", LISTS)
    steps = 0

    def loss(*rows):
        nonlocal steps
        steps += 1
        if steps == killed_at:
            raise KilledError
        return soft(*rows)

    compared = list_loss(encoder, TEXTS, loss, fitting=FITTING)
    told = {"fitting": FITTING, "checkpoints": checkpoints, "what": "teacher"}
    fit(encoder, LISTS, loss=compared, **told)
    return encoder, steps


@pytest.fixture(autouse=True)
def accelerator():
    """Each training begins as in a process of its own, where nothing is chosen yet."""
    state = pytest.importorskip("accelerate.state")
    state.AcceleratorState._reset_state(reset_partial_state=True)
    yield
    state.AcceleratorState._reset_state(reset_partial_state=True)


@pytest.mark.students
def test_resumed_adapters_equal_uninterrupted_ones(base, tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "SAVE_EVERY", 5)
    whole, _ = learn(base, tmp_path / "whole")
    with pytest.raises(KilledError):
        learn(base, tmp_path / "cut", killed_at=8)

    resumed, steps = learn(base, tmp_path / "cut")

    assert steps == FITTING.steps - 5
    weights = resumed.model.state_dict()
    assert all(value.equal(weights[name]) for name, value in whole.model.state_dict().items())


@pytest.mark.students
def test_a_checkpoint_of_adapters_is_smaller_than_the_model_and_tied_to_it(base, tmp_path):
    learn(base, tmp_path / "run")

    (learnt,) = (tmp_path / "run").glob("*/learnt.pt")
    assert learnt.stat().st_size < (base / "model.safetensors").stat().st_size / 2
    base.rename(tmp_path / "other")
    with pytest.raises(ConfigError, match="begun with base"):
        learn(tmp_path / "other", tmp_path / "run")
    with pytest.raises(ConfigError, match="begun with"):
        learn(tmp_path / "other", tmp_path / "run", rank=2)


@pytest.fixture
def work(tmp_path):
    """A training's folder after gathering."""
    folder = tmp_path / "work"
    folder.mkdir()
    pairs = [
        {"query": each.query, "doc_id": each.doc_id, "text": TEXTS[each.doc_id]} for each in JUDGED
    ]
    (folder / "pairs.jsonl").write_text("".join(json.dumps(pair) + "\n" for pair in pairs))
    return folder


@pytest.mark.students
def test_a_language_model_is_taught_and_labels_with_the_same_logits(base, work, tmp_path):
    with LabelStore(work / "judgments.labels.jsonl") as store:
        for each in JUDGED:
            store.add(each)
    told = ("--steps", "12", "--rate", "1e-2", "--judged-share", "1", "--max-tokens", "48")

    for words in (
        ("teach", str(work), "--base", str(base), "--lora-rank", "4", "--lora-targets",
         "q_proj,o_proj", "--gradient-checkpointing", *told),
        ("label", str(work), "--max-tokens", "48"),
    ):  # fmt: skip
        done = CliRunner().invoke(app, words)
        assert done.exit_code == 0, f"{words}\n{done.output}\n{done.exception!r}"

    teacher = work / "teacher"
    assert (
        json.loads((teacher / "qrm-teacher.json").read_text())["prompt"]["answer"] == "\nRelevant:"
    )
    assert len(read_labels(work / "teacher.labels.jsonl")) == len(JUDGED)
    encoder = load_classifier(str(teacher))
    told = Fitting(steps=2, rate=1, max_tokens=48)
    expected = [logit for row in logits_of(encoder, LISTS, TEXTS, fitting=told) for logit in row]
    options = ClassifierOptions(str(teacher), device="cpu", precision="float32", max_tokens=48)
    labels = {each.pair: each.logit for each in ClassifierTeacher(options).label(_pairs())}
    assert [labels[pair.key] for pair in _pairs()] == pytest.approx(expected, abs=1e-4)


def _pairs():
    return [Pair(each.query, each.doc_id, TEXTS[each.doc_id]) for each in JUDGED]

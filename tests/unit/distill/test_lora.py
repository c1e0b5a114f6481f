"""A tiny language model learns through adapters, and is then a checkpoint like any other."""

import sys

import pytest

from qrmiddleware.distill.batching import encode_pairs, pair_logits
from qrmiddleware.distill.labels import Pair
from qrmiddleware.distill.lora import Lora, add_lora, head_modules, without_lora
from qrmiddleware.distill.losses import soft_bce
from qrmiddleware.distill.modelling import load_classifier
from qrmiddleware.distill.reading import Reading, write_reading
from qrmiddleware.distill.teachers.classifier import ClassifierOptions, ClassifierTeacher
from qrmiddleware.distill.training import adamw
from qrmiddleware.errors import ConfigError

STEPS = 30
QUERY_TOKENS, TOKENS = 4, 40
PAIRS = [
    Pair(query, text, text)
    for query in ("red", "blue", "shoe")
    for text in ("red shoe", "blue hat", "green sock", "a blue shoe and a red hat")
]


def test_without_peft_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "peft", None)

    with pytest.raises(ConfigError, match=r"pip install 'qrmiddleware\[lora\]'"):
        add_lora(object(), Lora(4))


def test_a_model_without_adapters_is_left_as_it_is():
    model = object()

    assert without_lora(model) is model


needs_torch = pytest.mark.students


def logits_of(encoder, pairs=PAIRS):
    rows = [
        row
        for pair in pairs
        for row in encode_pairs(
            encoder.tokenizer,
            pair.query,
            [pair.text],
            max_query_tokens=QUERY_TOKENS,
            max_tokens=TOKENS,
            frame=encoder.frame,
        )
    ]
    return pair_logits(encoder.model, rows, pad=encoder.tokenizer.pad_token_id, budget=400)


def loss_of(encoder):
    import torch

    wanted = torch.tensor([[float(pair.query in pair.text) for pair in PAIRS]])
    mask = torch.ones_like(wanted, dtype=torch.bool)
    return soft_bce(logits_of(encoder).T, wanted, mask=mask)


def train(encoder):
    optimizer = adamw(encoder.model, rate=1e-2)
    encoder.model.train()
    losses = []
    for _ in range(STEPS):
        loss = loss_of(encoder)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(float(loss.detach()))
    encoder.model.eval()
    return losses


def weights_of(encoder):
    return {name: value.clone() for name, value in encoder.model.state_dict().items()}


@needs_torch
@pytest.mark.parametrize(("family", "head"), [("qwen3", "score"), ("roberta", "classifier")])
def test_only_adapters_and_head_learn_and_the_loss_falls(family, head, make_base):
    encoder = load_classifier(str(make_base(family)), lora=Lora(4))
    before = weights_of(encoder)

    losses = train(encoder)

    assert losses[-1] < 0.8 * losses[0]
    after = weights_of(encoder)
    changed = {name for name, value in before.items() if not value.equal(after[name])}
    assert changed
    assert {name for name in changed if "lora_" not in name} == {
        name for name in before if f"{head}.modules_to_save" in name
    }
    assert {name for name in before if "lora_" in name} <= changed


@needs_torch
def test_adapters_begin_as_nothing_and_with_the_seed(make_base):
    folder = str(make_base("qwen3"))
    plain, first, again, other = (
        load_classifier(folder, lora=lora, seed=seed)
        for lora, seed in ((None, 1), (Lora(4), 1), (Lora(4), 1), (Lora(4), 2))
    )

    for encoder in (plain, first):
        encoder.model.eval()
    assert logits_of(first).allclose(logits_of(plain), atol=1e-6)
    weights = weights_of(first)
    assert all(value.equal(weights[name]) for name, value in weights_of(again).items())
    assert any(not value.equal(weights[name]) for name, value in weights_of(other).items())


@needs_torch
@pytest.mark.parametrize("family", ["qwen3", "llama", "roberta", "deberta-v2"])
def test_a_saved_teacher_labels_with_the_logits_that_it_was_trained_to(family, make_base, tmp_path):
    encoder = load_classifier(str(make_base(family)), lora=Lora(4))
    train(encoder)
    expected = logits_of(encoder)[:, 0].tolist()

    encoder.save(tmp_path / "teacher")
    reading = Reading(prompt=encoder.prompt, max_query_tokens=QUERY_TOKENS)
    write_reading(tmp_path / "teacher", reading)

    options = ClassifierOptions(
        str(tmp_path / "teacher"), device="cpu", precision="float32", max_tokens=TOKENS
    )
    labels = {(each.query, each.doc_id): each for each in ClassifierTeacher(options).label(PAIRS)}
    found = [labels[pair.query, pair.doc_id].logit for pair in PAIRS]
    assert found == pytest.approx(expected, abs=1e-4)
    assert max(expected) - min(expected) > 1
    assert not list((tmp_path / "teacher").glob("adapter*"))


@needs_torch
def test_what_is_outside_the_base_model_is_the_head(make_base):
    heads = {
        family: head_modules(load_classifier(str(make_base(family))).model)
        for family in ("qwen3", "bert", "distilbert", "deberta-v2", "modernbert")
    }

    assert heads == {
        "qwen3": ["score"],
        "bert": ["classifier"],
        "distilbert": ["pre_classifier", "classifier"],
        "deberta-v2": ["pooler", "classifier"],
        "modernbert": ["head", "classifier"],
    }


@needs_torch
def test_adapters_go_where_they_are_told_and_never_into_the_head(make_base):
    encoder = load_classifier(str(make_base("roberta")), lora=Lora(2, ("dense",)))

    adapted = {name for name in encoder.model.state_dict() if "lora_A" in name}

    assert len(adapted) == 2 * 3  # of a layer: attention's output, and both of the feed-forward
    assert not any("classifier" in name for name in adapted)


@needs_torch
def test_layers_that_are_not_there_are_told_with_those_that_are(make_base):
    found = (
        r"a 'qwen3' has no layers of the names no_such, .*--lora-targets\): "
        "down_proj, gate_proj, k_proj, o_proj, q_proj, up_proj, v_proj"
    )

    with pytest.raises(ConfigError, match=found):
        load_classifier(str(make_base("qwen3")), lora=Lora(4, ("no_such",)))


@needs_torch
@pytest.mark.parametrize("lora", [None, Lora(4, dropout=0.0)])
def test_recomputing_changes_no_gradient(lora, make_base):
    folder = str(make_base("qwen3"))
    gradients = []
    for recompute in (False, True):
        encoder = load_classifier(folder, lora=lora, recompute=recompute)
        encoder.model.train()
        loss_of(encoder).backward()
        learning = [weight for weight in encoder.model.parameters() if weight.requires_grad]
        gradients.append([weight.grad for weight in learning])

    for kept, computed in zip(*gradients, strict=True):
        assert computed.tolist() == kept.tolist()

"""Checkpoints of language models, as small as can be, with random weights."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

TEXTS = ["red shoe", "blue shoe", "red hat", "blue hat", "green sock", "Query: Product: Relevant:"]
TEMPLATES = {
    "bert": ("<s> $A </s>", "<s> $A </s> $B:1 </s>:1"),
    "roberta": ("<s> $A </s>", "<s> $A </s> </s> $B </s>"),
    "llama": ("<s> $A", "<s> $A <s> $B"),
}
STYLES = {"deberta-v2": "bert", "distilbert": "bert", "modernbert": "bert"}
SPECIALS = ("<s>", "<pad>", "</s>", "<unk>")


def make_tokenizer(family: str) -> Any:
    """Make a byte-level tokenizer with the family's special tokens; Llama's has no padding."""
    from transformers import PreTrainedTokenizerFast

    pieces = Tokenizer(models.BPE())
    pieces.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    pieces.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=300,
        special_tokens=list(SPECIALS),
        initial_alphabet=alphabet,
        show_progress=False,
    )
    pieces.train_from_iterator(TEXTS, trainer)
    style = STYLES.get(family, family)
    if style in TEMPLATES:
        single, pair = TEMPLATES[style]
        numbered = [(token, number) for number, token in enumerate(SPECIALS)]
        pieces.post_processor = processors.TemplateProcessing(
            single=single, pair=pair, special_tokens=numbered
        )
    named = {"eos_token": "</s>", "unk_token": "<unk>"}
    named |= {} if family == "llama" else {"pad_token": "<pad>"}
    if style in {"bert", "roberta"}:
        named |= {"cls_token": "<s>", "sep_token": "</s>", "bos_token": "<s>"}
    types = ["token_type_ids"] if family in {"bert", "deberta-v2"} else []
    names = ["input_ids", *types, "attention_mask"]
    return PreTrainedTokenizerFast(tokenizer_object=pieces, model_input_names=names, **named)


@pytest.fixture
def make_base(tmp_path: Path) -> Callable[..., Path]:
    """Make a checkpoint of a language model that has never been a classifier."""
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")

    def make(family: str) -> Path:
        folder = tmp_path / family
        tokenizer = make_tokenizer(family)
        width = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
        if family == "distilbert":
            width = {"dim": 32, "n_layers": 2, "n_heads": 2, "hidden_dim": 64}
        given = width | {"vocab_size": len(tokenizer), "intermediate_size": 64, "pad_token_id": 1}
        if family in {"qwen3", "llama"}:
            given |= {"num_key_value_heads": 1, "head_dim": 16}
            given |= {"pad_token_id": None, "bos_token_id": 0, "eos_token_id": 2}
        config = transformers.AutoConfig.for_model(family, initializer_range=0.2, **given)
        decoder = family in {"qwen3", "llama"}
        auto = transformers.AutoModelForCausalLM if decoder else transformers.AutoModelForMaskedLM
        torch.manual_seed(0)
        auto.from_config(config).save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        return folder

    return make

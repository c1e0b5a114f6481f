"""Checkpoints with random weights, of every architecture that can be converted."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from qrmiddleware.distill.exporting.probes import default_probes, texts_of

Made = Callable[..., Path]

SPECIALS = {
    "bert": ("[PAD]", "[UNK]", "[CLS]", "[SEP]"),
    "roberta": ("<s>", "<pad>", "</s>", "<unk>"),
    "t5": ("<pad>", "</s>", "<unk>"),
    "marian": ("</s>", "<unk>"),
    "decoder": ("<pad>", "<s>", "</s>", "<unk>"),
}
STYLES = {
    "distilbert": "bert",
    "electra": "bert",
    "mpnet": "bert",
    "modernbert": "bert",
    "deberta-v2": "bert",
    "xlm-roberta": "roberta",
    "camembert": "roberta",
    "bart": "roberta",
    "mt5": "t5",
    "gpt2": "decoder",
    "llama": "decoder",
    "qwen2": "decoder",
    "qwen3": "decoder",
}
TEMPLATES = {
    "bert": ("[CLS] $A [SEP]", "[CLS] $A [SEP] $B:1 [SEP]:1"),
    "roberta": ("<s> $A </s>", "<s> $A </s> </s> $B </s>"),
    "t5": ("$A </s>", "$A </s> $B </s>"),
    "marian": ("$A </s>", "$A </s> $B </s>"),
}
CLASSES = {
    "bert": "Bert",
    "roberta": "Roberta",
    "xlm-roberta": "XLMRoberta",
    "camembert": "Camembert",
    "distilbert": "DistilBert",
    "electra": "Electra",
    "mpnet": "MPNet",
    "modernbert": "ModernBert",
    "deberta-v2": "DebertaV2",
    "gpt2": "GPT2",
    "llama": "Llama",
    "qwen2": "Qwen2",
    "qwen3": "Qwen3",
    "t5": "T5",
    "mt5": "MT5",
    "bart": "Bart",
    "marian": "Marian",
}
HEADS = {"gpt2": "LMHeadModel", "marian": "MTModel"} | dict.fromkeys(
    ("t5", "mt5", "bart"), "ForConditionalGeneration"
)
SPREAD = 0.25
WIDTH = 32


def vocabulary_of(style: str) -> list[str]:
    words = sorted({word for text in texts_of(default_probes()) for word in text.split()})
    last = ["<pad>"] if style == "marian" else []
    return [*SPECIALS[style], *words, *last]


def make_tokenizer(style: str, *, token_types: bool = True) -> Any:
    from transformers import PreTrainedTokenizerFast

    numbered = {token: number for number, token in enumerate(vocabulary_of(style))}
    unknown = next(token for token in ("[UNK]", "<unk>") if token in numbered)
    tokenizer = Tokenizer(models.WordLevel(numbered, unknown))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    if style in TEMPLATES:
        single, pair = TEMPLATES[style]
        tokenizer.post_processor = processors.TemplateProcessing(
            single=single,
            pair=pair,
            special_tokens=[(token, numbered[token]) for token in SPECIALS[style]],
        )
    names = {
        "pad": ("[PAD]", "<pad>"),
        "unk": ("[UNK]", "<unk>"),
        "eos": ("</s>",),
        "bos": ("<s>",),
    }
    names |= {"cls": ("[CLS]",), "sep": ("[SEP]",)}
    special = {
        f"{name}_token": token
        for name, tokens in names.items()
        for token in tokens
        if token in numbered
    }
    told = ["input_ids", "token_type_ids", "attention_mask"]
    names = {"model_input_names": told} if style == "bert" and token_types else {}
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, **special, **names)


def sizes_of(family: str, vocabulary: int) -> dict[str, Any]:
    """Name the sizes as the family's configuration does."""
    match family:
        case "gpt2":
            return {"vocab_size": vocabulary, "n_embd": WIDTH, "n_layer": 2, "n_head": 2}
        case "distilbert":
            shape = {"dim": WIDTH, "n_layers": 2, "n_heads": 2, "hidden_dim": 2 * WIDTH}
            return {"vocab_size": vocabulary, **shape}
        case "t5" | "mt5":
            shape = {"d_model": WIDTH, "d_kv": 16, "d_ff": 2 * WIDTH, "num_heads": 2}
            return {"vocab_size": vocabulary, "num_layers": 2, "num_decoder_layers": 2, **shape}
        case "bart" | "marian":
            both = {
                f"{side}_{part}": size
                for side in ("encoder", "decoder")
                for part, size in (("layers", 2), ("attention_heads", 2), ("ffn_dim", 2 * WIDTH))
            }
            return {
                "vocab_size": vocabulary,
                "d_model": WIDTH,
                "max_position_embeddings": 64,
                **both,
            }
    shape = {"hidden_size": WIDTH, "intermediate_size": 2 * WIDTH, "num_hidden_layers": 2}
    if family in {"llama", "qwen2", "qwen3"}:
        shape |= {"num_key_value_heads": 1, "head_dim": WIDTH // 2}
    return {"vocab_size": vocabulary, "num_attention_heads": 2, **shape}


def ids_of(family: str, style: str, vocabulary: list[str]) -> dict[str, Any]:
    pad = next(token for token in ("[PAD]", "<pad>") if token in vocabulary)
    ids: dict[str, Any] = {"pad_token_id": vocabulary.index(pad)}
    if family in HEADS or style == "decoder":
        ids["eos_token_id"] = vocabulary.index("</s>")
    if style == "decoder":
        ids["bos_token_id"] = vocabulary.index("<s>")
    starts = {
        "t5": ids["pad_token_id"],
        "mt5": ids["pad_token_id"],
        "bart": ids.get("eos_token_id"),
    }
    starts["marian"] = ids["pad_token_id"]
    if family in starts:
        ids["decoder_start_token_id"] = starts[family]
    if family == "bart":
        ids |= {"bos_token_id": 0, "forced_eos_token_id": None}
    return ids


@pytest.fixture
def make_checkpoint(tmp_path) -> Made:
    """Write a checkpoint of a family with random weights, wide enough to tell texts apart."""
    pytest.importorskip("torch")

    def make(
        family: str, task: str, *, name: str = "checkpoint", token_types: bool = True, **config: Any
    ) -> Path:
        import torch
        import transformers

        torch.manual_seed(0)
        style = STYLES.get(family, family)
        vocabulary = vocabulary_of(style)
        given = sizes_of(family, len(vocabulary)) | ids_of(family, style, vocabulary)
        made = getattr(transformers, f"{CLASSES[family]}Config")(**given | config)
        suffix = (
            HEADS.get(family, "ForCausalLM")
            if task == "generator"
            else {"cross_encoder": "ForSequenceClassification", "bi_encoder": "Model"}[task]
        )
        model = getattr(transformers, f"{CLASSES[family]}{suffix}")(made)
        with torch.no_grad():
            for parameter in model.parameters():
                if parameter.dim() > 1:
                    parameter.mul_(SPREAD / max(1e-6, float(parameter.std())))
        model.save_pretrained(tmp_path / name)
        make_tokenizer(style, token_types=token_types).save_pretrained(tmp_path / name)
        return tmp_path / name

    return make

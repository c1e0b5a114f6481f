import pytest

from qrmiddleware.distill.causal.models import Size, causal_like, load_causal, tiny_causal
from qrmiddleware.distill.causal.rows import TokenRow
from qrmiddleware.distill.causal.scoring import log_probabilities
from qrmiddleware.distill.lora import Lora
from qrmiddleware.errors import ConfigError

pytestmark = pytest.mark.students
ROWS = [TokenRow((70, 71, 72, 73, 1), 2), TokenRow((80, 90, 1), 1)]
SIZE = Size(280, 2, 16, 2)


def told(lm):
    return log_probabilities(lm, ROWS, budget=100)


def test_the_same_arguments_make_the_same_model(torch):
    first, again, other = (tiny_causal(["red shoe"] * 3, SIZE, seed=seed) for seed in (0, 0, 1))

    assert told(first) == told(again)
    assert told(first) != told(other)


def test_it_is_of_the_size_that_was_told_with_tied_embeddings(torch):
    lm = tiny_causal(["red shoe"] * 3, SIZE)
    config = lm.model.config

    assert (config.model_type, config.num_hidden_layers, config.hidden_size) == ("qwen3", 2, 16)
    assert (config.num_attention_heads, config.head_dim) == (2, 8)
    assert lm.model.lm_head.weight is lm.model.model.embed_tokens.weight
    assert config.vocab_size == len(lm.tokenizer) <= 280
    assert (lm.pad, lm.end, lm.ends) == (0, 1, {1})


def test_heads_that_do_not_divide_the_width_are_refused(torch):
    with pytest.raises(ConfigError, match="3 heads do not divide a width of 16"):
        tiny_causal(["red"], Size(280, 1, 16, 3))


def test_a_checkpoint_answers_as_the_model_that_was_saved(lm, tmp_path):
    lm.save(tmp_path / "made")

    loaded = load_causal(str(tmp_path / "made"))

    assert told(loaded) == told(lm)
    assert (loaded.base, loaded.ends) == (str(tmp_path / "made"), lm.ends)
    assert not loaded.model.training


@pytest.mark.parametrize("family", ["qwen3", "llama"])
def test_a_language_model_without_padding_gets_its_end_to_pad_with(family, make_base):
    lm = load_causal(str(make_base(family)))

    assert lm.pad == lm.tokenizer.convert_tokens_to_ids("<pad>" if family == "qwen3" else "</s>")
    assert lm.tokenizer.decode([lm.end]) == "</s>"


def test_adapters_learn_alone_and_are_merged_when_saved(torch, lm, tmp_path):
    lm.save(tmp_path / "made")
    adapted = load_causal(str(tmp_path / "made"), lora=Lora(2, ("q_proj",), dropout=0.0))
    assert told(adapted) == pytest.approx(told(lm), abs=1e-5)

    learning = {n: w for n, w in adapted.model.named_parameters() if w.requires_grad}
    with torch.no_grad():
        for weight in learning.values():
            weight.add_(0.5)
    changed = told(adapted)
    adapted.save(tmp_path / "merged")

    assert len(learning) == 2 * 2
    assert all("q_proj.lora_" in name for name in learning)
    assert changed != pytest.approx(told(lm), abs=1e-2)
    assert told(load_causal(str(tmp_path / "merged"))) == pytest.approx(changed, abs=1e-4)
    assert not list((tmp_path / "merged").glob("adapter*"))


def test_what_is_no_language_model_is_told(make_base):
    folder = make_base("distilbert")

    with pytest.raises(ConfigError, match="a 'distilbert' cannot be loaded as a language model"):
        load_causal(str(folder))


def test_a_checkpoint_that_is_not_there_is_told(tmp_path):
    with pytest.raises(ConfigError, match="cannot load"):
        load_causal(str(tmp_path / "none"))


def test_a_model_of_another_size_reads_with_the_same_tokens(lm, torch):
    other = causal_like(lm.tokenizer, Size(0, 1, 24, 3), seed=2)

    assert other.tokenizer is lm.tokenizer
    assert (other.pad, other.end) == (lm.pad, lm.end)
    assert other.model.get_input_embeddings().weight.shape == (len(lm.tokenizer), 24)
    with pytest.raises(ConfigError, match="5 heads do not divide a width of 24"):
        causal_like(lm.tokenizer, Size(0, 1, 24, 5))

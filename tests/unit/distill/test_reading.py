import re
from dataclasses import dataclass
from pathlib import Path

import pytest
from tokenizers import Tokenizer, models

from qrmiddleware.distill.batching import collate, encode_pairs, pair_logits
from qrmiddleware.distill.modelling import load_classifier
from qrmiddleware.distill.reading import (
    QUERY_PRODUCT,
    READING_FILE,
    Frame,
    Prompt,
    Reading,
    agree_on_padding,
    bert_frame,
    frame_for,
    read_reading,
    reads_last_token,
    write_reading,
)
from qrmiddleware.errors import ConfigError

ENCODERS = ("bert", "roberta", "distilbert", "deberta-v2", "modernbert")
DECODERS = ("qwen3", "llama")
TEXTS = ["red shoe", "blue hat, green", "", "green sock, red " * 9]


def rows_of(encoder, query="red shoe", texts=TEXTS, *, max_query_tokens=8, max_tokens=48):
    return encode_pairs(
        encoder.tokenizer,
        query,
        texts,
        max_query_tokens=max_query_tokens,
        max_tokens=max_tokens,
        frame=encoder.frame,
    )


@pytest.mark.parametrize("prompt", [None, QUERY_PRODUCT])
def test_what_a_checkpoint_reads_is_read_back(prompt, tmp_path):
    reading = Reading(prompt=prompt, max_query_tokens=24)

    write_reading(tmp_path, reading)

    assert read_reading(str(tmp_path)) == reading


@pytest.mark.parametrize("checkpoint", ["a-name/at-the-hub", "empty"])
def test_a_checkpoint_need_not_say_how_it_reads(checkpoint, tmp_path):
    (tmp_path / "empty").mkdir()

    assert read_reading(str(tmp_path / checkpoint)) is None


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ("{", "the file: Invalid JSON"),
        ("{}", "max_query_tokens: Field required"),
        ('{"max_query_tokens": 0}', "max_query_tokens: .* greater than or equal to 1"),
        ('{"max_query_tokens": 8, "schema_version": 2}', "schema_version: Input should be 1"),
        ('{"max_query_tokens": 8, "prompt": {"version": "a"}}', r"prompt\.query: Field required"),
        ('{"max_query_tokens": 8, "promt": null}', "promt: Extra inputs"),
    ],
)
def test_a_damaged_file_is_named_with_what_is_wrong(content, found, tmp_path):
    (tmp_path / READING_FILE).write_text(content)

    with pytest.raises(ConfigError, match=f"{READING_FILE}: {found}"):
        read_reading(str(tmp_path))


def test_a_prompt_without_an_answer_has_no_last_token_to_score():
    with pytest.raises(ValueError, match="answer"):
        Prompt(version="a", query="", text=" ", answer="")


def test_the_page_shows_a_file_that_can_be_copied(tmp_path):
    page = (Path(__file__).parents[3] / "docs" / "teachers.md").read_text(encoding="utf-8")
    (shown,) = re.findall(r'^({"prompt": .*?)^```$', page, re.MULTILINE | re.DOTALL)
    (tmp_path / READING_FILE).write_text(shown)

    assert read_reading(str(tmp_path)).prompt.text == QUERY_PRODUCT.text


@dataclass
class Padded:
    pad_token: str | None = None
    eos_token: str | None = None


def test_a_tokenizer_that_cannot_pad_is_refused():
    with pytest.raises(ConfigError, match="neither a padding token nor an end token"):
        agree_on_padding(Padded(), object())


@pytest.mark.students
@pytest.mark.parametrize("family", ENCODERS)
def test_an_encoder_reads_pairs_as_its_tokenizer_joins_them(family, make_base):
    encoder = load_classifier(str(make_base(family)))
    encoder.model.eval()

    rows = rows_of(encoder)

    assert encoder.prompt is None
    for row, text in zip(rows[:2], TEXTS[:2], strict=True):
        joined = encoder.tokenizer("red shoe", text, return_tensors="pt")
        assert list(row.ids) == joined["input_ids"][0].tolist()
        alone = encoder.model(**joined).logits.tolist()
        assert encoder.model(**collate([row], pad=1)).logits.tolist() == alone


@pytest.mark.students
@pytest.mark.parametrize(("family", "typed"), [("bert", True), ("roberta", False)])
def test_only_models_with_token_types_are_told_them(family, typed, make_base):
    encoder = load_classifier(str(make_base(family)))

    assert ("token_type_ids" in collate(rows_of(encoder), pad=1)) is typed


@pytest.mark.students
def test_berts_frame_is_the_one_that_its_tokenizer_tells(make_base):
    encoder = load_classifier(str(make_base("bert")))

    assert encoder.frame == bert_frame(encoder.tokenizer) == Frame((0,), (2,), (2,), typed=True)


@pytest.mark.students
@pytest.mark.parametrize(("family", "opening"), [("qwen3", ""), ("llama", "<s>")])
def test_a_language_model_reads_a_prompt(family, opening, make_base):
    encoder = load_classifier(str(make_base(family)))
    whole = "Query: red shoe\nProduct: blue hat, green\nRelevant:"

    row = rows_of(encoder)[1]

    assert encoder.prompt == QUERY_PRODUCT
    assert encoder.tokenizer.decode(row.ids) == opening + whole
    assert list(row.ids) == encoder.tokenizer(whole)["input_ids"]


@pytest.mark.students
@pytest.mark.parametrize("family", DECODERS)
def test_what_is_cut_is_the_text_and_never_the_prompt(family, make_base):
    encoder = load_classifier(str(make_base(family)))

    (row,) = rows_of(encoder, "shoe " * 30, ["hat " * 90], max_query_tokens=4)

    assert len(row.ids) == 48
    assert encoder.tokenizer.decode(row.ids).endswith("\nRelevant:")


@pytest.mark.students
@pytest.mark.parametrize("family", [*ENCODERS, *DECODERS])
@pytest.mark.parametrize("budget", [1, 10_000])
def test_scores_do_not_depend_on_padding(family, budget, make_base):
    encoder = load_classifier(str(make_base(family)))
    encoder.model.eval()
    rows, pad = rows_of(encoder), encoder.tokenizer.pad_token_id
    alone = [encoder.model(**collate([row], pad=pad)).logits.item() for row in rows]

    together = pair_logits(encoder.model, rows, pad=pad, budget=budget)

    assert together[:, 0].tolist() == pytest.approx(alone, abs=1e-4)
    assert len(set(alone)) == len(TEXTS)


@pytest.mark.students
def test_the_prompt_of_a_checkpoint_is_kept(make_base):
    folder = make_base("qwen3")
    prompt = Prompt(version="mine", query="Q", text="P", answer="?")
    write_reading(folder, Reading(prompt=prompt, max_query_tokens=8))

    encoder = load_classifier(str(folder))

    assert encoder.prompt == prompt
    assert encoder.tokenizer.decode(rows_of(encoder)[0].ids) == "Q red shoeP red shoe?"


@pytest.mark.students
def test_decoders_and_encoders_are_told_apart():
    transformers = pytest.importorskip("transformers")

    for family in ENCODERS:
        assert not reads_last_token(transformers.AutoConfig.for_model(family))
    for family in (*DECODERS, "gpt2", "mistral"):
        assert reads_last_token(transformers.AutoConfig.for_model(family))


@pytest.mark.students
def test_a_tokenizer_that_reads_no_letters_is_refused(make_base):
    from transformers import PreTrainedTokenizerFast

    deaf = PreTrainedTokenizerFast(tokenizer_object=Tokenizer(models.BPE()))
    config = load_classifier(str(make_base("bert"))).model.config

    with pytest.raises(ConfigError, match="reads nothing in 'a'"):
        frame_for(deaf, config, None)

import pytest

from qrmiddleware.distill.causal.rows import (
    TokenRow,
    collate_rows,
    learnt_tokens,
    packed,
    prompt_ids,
    response_row,
)

pytestmark = pytest.mark.students
MESSAGES = [{"role": "system", "content": "Judge."}, {"role": "user", "content": "red shoe"}]
TEMPLATE = (
    "{% for message in messages %}<{{ message.role }}>{{ message.content }}\n{% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% if enable_thinking is defined and not "
    "enable_thinking %}<no thoughts>{% endif %}{% endif %}"
)


def test_without_a_template_messages_stand_below_each_other(lm):
    assert lm.tokenizer.decode(prompt_ids(lm, MESSAGES)) == "Judge.\n\nred shoe\n\n"


def test_with_one_the_response_is_begun_and_thinking_is_off(lm):
    lm.tokenizer.chat_template = TEMPLATE

    told = lm.tokenizer.decode(prompt_ids(lm, MESSAGES))

    assert told == "<system>Judge.\n<user>red shoe\n<assistant><no thoughts>"


def test_a_response_ends_and_the_prompt_is_not_learnt(lm):
    row = response_row(lm, (5, 6, 7), "red hat")

    assert row.ids[:3] == (5, 6, 7)
    assert row.ids[-1] == lm.end
    assert lm.tokenizer.decode(row.ids[3:-1]) == "red hat"
    assert row.prompt == 3


def test_texts_are_packed_without_padding_or_loss(lm):
    texts = ["red shoe", "a blue hat of felt", "x"]
    rows = list(packed(lm, texts, tokens=7))

    assert [len(row.ids) for row in rows[:-1]] == [7] * (len(rows) - 1)
    ids = [token for row in rows for token in row.ids]
    assert lm.tokenizer.decode(ids) == "".join(f"{text}<|end|>" for text in texts)
    assert {row.prompt for row in rows} == {0}


def test_a_last_row_of_one_token_teaches_nothing_and_is_dropped(lm):
    (one, *rest) = packed(lm, ["xy", ""], tokens=3)

    assert (len(one.ids), rest) == (3, [])


def test_padding_and_prompts_are_left_out_of_what_is_learnt(torch):
    rows = [TokenRow((5, 6, 7, 8), 2), TokenRow((9, 1), 1)]

    batch = collate_rows(rows, pad=0)

    assert batch["input_ids"].tolist() == [[5, 6, 7, 8], [9, 1, 0, 0]]
    assert batch["attention_mask"].tolist() == [[1, 1, 1, 1], [1, 1, 0, 0]]
    assert batch["labels"].tolist() == [[-100, -100, 7, 8], [-100, 1, -100, -100]]
    assert learnt_tokens(rows) == 3
    assert learnt_tokens([TokenRow((5, 6, 7))]) == 2

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qrmiddleware.distill.batching import (
    collate,
    encode_pairs,
    in_lists,
    pair_logits,
    token_batches,
)
from qrmiddleware.distill.modelling import tiny_encoder

needs_torch = pytest.mark.students
TEXTS = ["desk lamp", "floor lamp", "office chair", "garden chair", ""]


@pytest.fixture(scope="module")
def encoder():
    pytest.importorskip("torch")
    made = tiny_encoder(TEXTS, vocabulary=60, layers=1, hidden=8, heads=2)
    made.model.eval()
    return made


@given(st.lists(st.integers(1, 50), max_size=30), st.integers(1, 200))
def test_batches_hold_every_row_once_within_the_budget(lengths, budget):
    groups = token_batches(lengths, budget=budget)

    assert sorted(row for group in groups for row in group) == list(range(len(lengths)))
    for group in groups:
        assert len(group) == 1 or len(group) * max(lengths[row] for row in group) <= budget


def test_the_longest_rows_come_first():
    assert token_batches([3, 9, 3, 8], budget=18) == [[1, 3], [0, 2]]


@needs_torch
def test_pairs_are_encoded_as_the_tokenizer_encodes_them(encoder):
    rows = encode_pairs(encoder.tokenizer, "lamp", TEXTS, max_query_tokens=8, max_tokens=32)

    for row, text in zip(rows[:-1], TEXTS[:-1], strict=True):
        whole = encoder.tokenizer("lamp", text)
        assert list(row.ids) == whole["input_ids"]
        assert whole["token_type_ids"] == [0] * row.first + [1] * (len(row.ids) - row.first)
    assert list(rows[-1].ids) == [*encoder.tokenizer("lamp")["input_ids"], rows[0].ids[-1]]


@needs_torch
def test_long_queries_and_texts_are_cut_each_for_itself(encoder):
    (row,) = encode_pairs(
        encoder.tokenizer, "lamp " * 50, ["chair " * 50], max_query_tokens=4, max_tokens=16
    )

    assert row.first == 1 + 4 + 1
    assert len(row.ids) == 16
    assert row.ids[-1] == encoder.tokenizer.sep_token_id


@needs_torch
def test_nothing_to_encode_is_nothing_and_no_room_is_refused(encoder):
    assert encode_pairs(encoder.tokenizer, "a", [], max_query_tokens=4, max_tokens=16) == []
    with pytest.raises(ValueError, match="max_tokens 7 leaves no token"):
        encode_pairs(encoder.tokenizer, "a", ["b"], max_query_tokens=4, max_tokens=7)


@needs_torch
def test_padding_is_masked(encoder):
    rows = encode_pairs(encoder.tokenizer, "lamp", ["", "chair"], max_query_tokens=4, max_tokens=16)

    inputs = collate(rows, pad=0)

    assert inputs["attention_mask"].sum(1).tolist() == [len(row.ids) for row in rows]
    assert inputs["input_ids"][0, len(rows[0].ids) :].eq(0).all()


@needs_torch
@pytest.mark.parametrize("budget", [1, 20, 10_000])
def test_logits_come_in_the_order_of_the_rows_whatever_the_budget(encoder, budget):
    rows = encode_pairs(
        encoder.tokenizer, "lamp", [*TEXTS, "x " * 9], max_query_tokens=4, max_tokens=32
    )
    alone = [encoder.model(**collate([row], pad=0)).logits.item() for row in rows]

    together = pair_logits(encoder.model, rows, pad=0, budget=budget)

    assert together.shape == (len(rows), 1)
    assert together[:, 0].tolist() == pytest.approx(alone, abs=1e-6)


@needs_torch
def test_logits_become_padded_lists_with_a_mask():
    torch = pytest.importorskip("torch")

    rows, mask = in_lists(torch.tensor([1.0, 2.0, 3.0]), [2, 1])

    assert rows.tolist() == [[1.0, 2.0], [3.0, 0.0]]
    assert mask.tolist() == [[True, True], [True, False]]
    with pytest.raises(ValueError, match="lists of 4 products"):
        in_lists(torch.zeros(3), [4])

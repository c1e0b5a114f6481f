"""(query, text) pairs as token ids, and as batches that are bounded by tokens."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import torch
    from torch import Tensor
    from transformers import BertForSequenceClassification, PreTrainedTokenizerFast

_SPECIALS: Final = 3  # [CLS] query [SEP] text [SEP]


@dataclass(frozen=True, slots=True)
class Encoded:
    """One pair as a BERT reads it.

    Attributes:
        ids: ``[CLS] query [SEP] text [SEP]``.
        first: How many of them are of token type 0: up to the first ``[SEP]``, included.
    """

    ids: tuple[int, ...]
    first: int


def encode_pairs(
    tokenizer: "PreTrainedTokenizerFast",
    query: str,
    texts: Sequence[str],
    *,
    max_query_tokens: int,
    max_tokens: int,
) -> list[Encoded]:
    """Encode a query with each of its texts; the query is tokenised once.

    Args:
        tokenizer: With ``[CLS]`` and ``[SEP]``.
        query: As typed.
        texts: May be empty strings.
        max_query_tokens: A query's tokens beyond are cut off.
        max_tokens: Of a pair, special tokens included; the text is cut to what the query leaves.

    Raises:
        ValueError: If ``max_tokens`` leaves a text no token beside the longest query.
    """
    if max_tokens <= max_query_tokens + _SPECIALS:
        message = (
            f"max_tokens {max_tokens} leaves no token for a text beside {max_query_tokens} of the"
            f" query and {_SPECIALS} special ones"
        )
        raise ValueError(message)
    if not texts:
        return []
    head, between = tokenizer.cls_token_id, tokenizer.sep_token_id
    ids = tokenizer([query, *texts], add_special_tokens=False, verbose=False)["input_ids"]
    start = (head, *ids[0][:max_query_tokens], between)
    room = max_tokens - len(start) - 1
    return [Encoded((*start, *text[:room], between), len(start)) for text in ids[1:]]


def token_batches(lengths: Sequence[int], *, budget: int) -> list[list[int]]:
    """Cut rows into batches of at most ``budget`` tokens, padding included.

    Rows of like length go together, so that little is padding; a row that is longer than the
    budget makes a batch of its own.

    Returns:
        Indexes of rows, each once; the longest rows come first, so that a batch which does not fit
        the memory fails at once and not after an hour.
    """
    order = sorted(range(len(lengths)), key=lambda row: -lengths[row])
    found: list[list[int]] = []
    longest = 0
    for row in order:
        if found and longest * (len(found[-1]) + 1) <= budget:
            found[-1].append(row)
        else:
            longest = lengths[row]
            found.append([row])
    return found


def collate(
    rows: Sequence[Encoded], *, pad: int, device: "torch.device | None" = None
) -> "dict[str, Tensor]":
    """Pad rows to the longest of them, as tensors of shape (rows, tokens)."""
    import torch

    width = max(len(row.ids) for row in rows)
    ids = [[*row.ids, *[pad] * (width - len(row.ids))] for row in rows]
    types = [
        [*[0] * row.first, *[1] * (len(row.ids) - row.first), *[0] * (width - len(row.ids))]
        for row in rows
    ]
    seen = [[*[1] * len(row.ids), *[0] * (width - len(row.ids))] for row in rows]
    return {
        "input_ids": torch.tensor(ids, device=device),
        "token_type_ids": torch.tensor(types, device=device),
        "attention_mask": torch.tensor(seen, device=device),
    }


def pair_logits(
    model: "BertForSequenceClassification", rows: Sequence[Encoded], *, pad: int, budget: int
) -> "Tensor":
    """Score rows in token-budget batches; gradients flow through all of them.

    Args:
        model: May be wrapped by accelerate.
        rows: At least one.
        pad: Id of the padding token.
        budget: Tokens of a forward pass, padding included; not a bound on memory while gradients
            are kept, which grows with all rows.

    Returns:
        Shape (rows, labels), in the order of the rows, float32.
    """
    import torch

    device = next(model.parameters()).device
    groups = token_batches([len(row.ids) for row in rows], budget=budget)
    parts = [
        model(**collate([rows[n] for n in group], pad=pad, device=device)).logits.float()
        for group in groups
    ]
    place = torch.tensor([n for group in groups for n in group], device=device)
    return torch.cat(parts)[place.argsort()]


def in_lists(
    logits: "Tensor", sizes: Sequence[int], *, padding: float = 0.0
) -> "tuple[Tensor, Tensor]":
    """Cut the logits of many lists, one after the other, into padded rows.

    Args:
        logits: One for each product, shape (products,).
        sizes: How many products each list has; their sum is ``products``.
        padding: What stands where a list is shorter than the longest.

    Returns:
        Logits and mask, shape (lists, longest); the mask is False at padding.

    Raises:
        ValueError: If there are more or fewer logits than the sizes say.
    """
    import torch

    if logits.shape != (sum(sizes),):
        message = f"logits of shape {tuple(logits.shape)} for lists of {sum(sizes)} products"
        raise ValueError(message)
    pieces = torch.split(logits, list(sizes))
    rows = torch.nn.utils.rnn.pad_sequence(list(pieces), batch_first=True, padding_value=padding)
    counts = torch.tensor(list(sizes), device=logits.device)
    return rows, torch.arange(rows.shape[1], device=logits.device)[None] < counts[:, None]

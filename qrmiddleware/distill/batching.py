"""(query, text) pairs as token ids, and as batches that are bounded by tokens."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from qrmiddleware.distill.reading import Frame, bert_frame

if TYPE_CHECKING:
    import torch
    from torch import Tensor
    from transformers import PreTrainedModel, PreTrainedTokenizerFast


@dataclass(frozen=True, slots=True)
class Encoded:
    """One pair as a classifier reads it.

    Attributes:
        ids: Query and text in their frame, as ``[CLS] query [SEP] text [SEP]``.
        first: How many of them are of token type 0, which is all that stands before the text;
            ``None`` where the model has no token types.
    """

    ids: tuple[int, ...]
    first: int | None = None


def encode_pairs(
    tokenizer: "PreTrainedTokenizerFast",
    query: str,
    texts: Sequence[str],
    *,
    max_query_tokens: int,
    max_tokens: int,
    frame: Frame | None = None,
) -> list[Encoded]:
    """Encode a query with each of its texts; the query is tokenised once.

    Args:
        tokenizer: Of the model.
        query: As typed.
        texts: May be empty strings.
        max_query_tokens: A query's tokens beyond are cut off.
        max_tokens: Of a pair, its frame included; the text is cut to what the query leaves.
        frame: What stands around query and text; BERT's if not given.

    Raises:
        ValueError: If ``max_tokens`` leaves a text no token beside the longest query.
    """
    frame = frame or bert_frame(tokenizer)
    if max_tokens <= max_query_tokens + frame.size:
        message = (
            f"max_tokens {max_tokens} leaves no token for a text beside {max_query_tokens} of the"
            f" query and {frame.size} special ones"
        )
        raise ValueError(message)
    if not texts:
        return []
    parts = [f"{frame.lead}{part}" for part in (query, *texts)]
    ids = tokenizer(parts, add_special_tokens=False, verbose=False)["input_ids"]
    start = (*frame.before, *ids[0][:max_query_tokens], *frame.between)
    room = max_tokens - len(start) - len(frame.after)
    first = len(start) if frame.typed else None
    return [Encoded((*start, *text[:room], *frame.after), first) for text in ids[1:]]


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
    """Pad rows to the longest of them, as tensors of shape (rows, tokens).

    Padding goes behind, where a head that scores the last token does not count it. There are token
    types only where the rows have some.
    """
    import torch

    width = max(len(row.ids) for row in rows)
    spare = [width - len(row.ids) for row in rows]
    columns = {
        "input_ids": [[*row.ids, *[pad] * empty] for row, empty in zip(rows, spare, strict=True)],
        "attention_mask": [
            [*[1] * len(row.ids), *[0] * empty] for row, empty in zip(rows, spare, strict=True)
        ],
    }
    if rows[0].first is not None:
        columns["token_type_ids"] = [
            [*types_of(row), *[0] * empty] for row, empty in zip(rows, spare, strict=True)
        ]
    return {name: torch.tensor(values, device=device) for name, values in columns.items()}


def types_of(row: Encoded) -> list[int]:
    """Return a token type for each id: 1 for the text and what stands behind it."""
    first = len(row.ids) if row.first is None else row.first
    return [*[0] * first, *[1] * (len(row.ids) - first)]


def pair_logits(
    model: "PreTrainedModel", rows: Sequence[Encoded], *, pad: int, budget: int
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
    (logits,) = _in_batches(model, rows, lambda found: (found.logits,), pad=pad, budget=budget)
    return logits


def pair_views(
    model: "PreTrainedModel", rows: Sequence[Encoded], *, pad: int, budget: int
) -> "tuple[Tensor, Tensor]":
    """Score rows likewise, and say what the network makes of their first tokens.

    Returns:
        Logits, shape (rows, labels), and last hidden states, shape (rows, width), both float32.
    """
    logits, vectors = _in_batches(
        model,
        rows,
        lambda found: (found.logits, found.hidden_states[-1][:, 0]),
        pad=pad,
        budget=budget,
        output_hidden_states=True,
    )
    return logits, vectors


def _in_batches(
    model: "PreTrainedModel",
    rows: Sequence[Encoded],
    taken: "Callable[[Any], tuple[Tensor, ...]]",
    *,
    pad: int,
    budget: int,
    **how: bool,
) -> "list[Tensor]":
    """Return what is taken of the model's answers, in the order of the rows."""
    import torch

    device = next(model.parameters()).device
    groups = token_batches([len(row.ids) for row in rows], budget=budget)
    found = [
        taken(model(**collate([rows[n] for n in group], pad=pad, device=device), **how))
        for group in groups
    ]
    place = torch.tensor([n for group in groups for n in group], device=device).argsort()
    return [
        torch.cat([part.float() for part in parts])[place] for parts in zip(*found, strict=True)
    ]


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

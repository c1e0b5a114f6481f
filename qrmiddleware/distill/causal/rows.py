"""Prompts and responses as token ids, and as batches in which the prompt is not learnt."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from qrmiddleware.distill.causal.models import CausalLm

if TYPE_CHECKING:
    import torch
    from torch import Tensor

LEFT_OUT: Final = -100
"""Stands in labels where nothing is to be learnt, as torch's cross-entropy reads them."""
_LEAST: Final = 2  # tokens of a row: one to read, one to learn


@dataclass(frozen=True, slots=True)
class TokenRow:
    """A text that a model reads, and learns the end of.

    Attributes:
        ids: Prompt and response.
        prompt: How many of them are the prompt; 0 where the whole text is learnt.
    """

    ids: tuple[int, ...]
    prompt: int = 0


def prompt_ids(lm: CausalLm, messages: Sequence[Mapping[str, str]]) -> tuple[int, ...]:
    """Write messages down as the model reads them, up to where its response begins.

    By the checkpoint's chat template; without one, their contents with empty lines between. Models
    that would think first are asked not to: the response is their reasoning.

    Args:
        lm: Whose tokenizer and template they are.
        messages: With a ``role`` and a ``content`` each.
    """
    text = prompt_text(lm, messages)
    special = lm.tokenizer.chat_template is None  # a template writes them itself
    return tuple(lm.tokenizer(text, add_special_tokens=special)["input_ids"])


def prompt_text(lm: CausalLm, messages: Sequence[Mapping[str, str]]) -> str:
    """Write messages down as text; see `prompt_ids`, which says which tokens it becomes."""
    if lm.tokenizer.chat_template is None:
        return "".join(f"{message['content']}\n\n" for message in messages)
    told = lm.tokenizer.apply_chat_template(
        list(messages), add_generation_prompt=True, tokenize=False, enable_thinking=False
    )
    return str(told)


def response_row(lm: CausalLm, prompt: Sequence[int], response: str) -> TokenRow:
    """Put a response behind a prompt, and the token that ends it."""
    ids = lm.tokenizer(response, add_special_tokens=False)["input_ids"]
    return TokenRow((*prompt, *ids, lm.end), len(prompt))


def packed(lm: CausalLm, texts: Iterable[str], *, tokens: int) -> Iterator[TokenRow]:
    """Join texts, each with its end, and cut them into rows of so many tokens.

    Nothing is padded and nothing is cut off, but for a last row of one token.
    """
    waiting: list[int] = []
    for text in texts:
        waiting += [*lm.tokenizer(text, add_special_tokens=False)["input_ids"], lm.end]
        while len(waiting) >= tokens:
            yield TokenRow(tuple(waiting[:tokens]))
            del waiting[:tokens]
    if len(waiting) >= _LEAST:
        yield TokenRow(tuple(waiting))


def collate_rows(
    rows: Sequence[TokenRow], *, pad: int, device: "torch.device | None" = None
) -> "dict[str, Tensor]":
    """Pad rows behind to the longest, as tensors of shape (rows, tokens).

    Labels are the ids, with ``LEFT_OUT`` at prompts and padding.
    """
    import torch

    width = max(len(row.ids) for row in rows)
    spare = [width - len(row.ids) for row in rows]
    columns = {
        "input_ids": [[*row.ids, *[pad] * n] for row, n in zip(rows, spare, strict=True)],
        "attention_mask": [
            [*[1] * len(row.ids), *[0] * n] for row, n in zip(rows, spare, strict=True)
        ],
        "labels": [
            [*[LEFT_OUT] * row.prompt, *row.ids[row.prompt :], *[LEFT_OUT] * n]
            for row, n in zip(rows, spare, strict=True)
        ],
    }
    return {name: torch.tensor(values, device=device) for name, values in columns.items()}


def learnt_tokens(rows: Iterable[TokenRow]) -> int:
    """Count the tokens that are learnt; a row's first has nothing before it to be told from."""
    return sum(len(row.ids) - max(row.prompt, 1) for row in rows)

"""How likely a model holds responses, or each of a few choices."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from qrmiddleware.distill.batching import token_batches
from qrmiddleware.distill.causal.models import CausalLm
from qrmiddleware.distill.causal.rows import LEFT_OUT, TokenRow, collate_rows
from qrmiddleware.distill.sequence_losses import response_log_probabilities

if TYPE_CHECKING:
    from torch import Tensor


def response_logits(
    model: Any,  # noqa: ANN401 may be wrapped by accelerate
    rows: Sequence[TokenRow],
    *,
    pad: int,
) -> "tuple[Tensor, Tensor]":
    """Run rows through a model, in one pass; gradients flow.

    Where all rows begin with a prompt, logits before the shortest one's end are not computed: a
    vocabulary is wide, and prompts are long.

    Returns:
        Logits, shape (rows, tokens, vocabulary), and beside each of them the id that should have
        come, shape (rows, tokens), ``LEFT_OUT`` where nothing is learnt.
    """
    device = next(model.parameters()).device
    batch = collate_rows(rows, pad=pad, device=device)
    labels = batch.pop("labels")
    first = max(min(row.prompt for row in rows), 1)
    kept = labels.shape[1] - first + 1
    logits = model(**batch, use_cache=False, logits_to_keep=kept).logits
    return logits[:, -kept:-1], labels[:, first:]


def log_probabilities(
    lm: CausalLm, rows: Sequence[TokenRow], *, budget: int, normalised: bool = False
) -> list[float]:
    """Score responses, without gradients, in batches of at most ``budget`` tokens.

    Args:
        lm: Whose opinion.
        rows: Prompts with responses.
        budget: Of a forward pass, padding included.
        normalised: The mean of a response's tokens instead of their sum.

    Returns:
        In nats, in the order of the rows.
    """
    import torch

    found = [0.0] * len(rows)
    lm.model.eval()
    with torch.inference_mode():
        for group in token_batches([len(row.ids) for row in rows], budget=budget):
            logits, labels = response_logits(lm.model, [rows[n] for n in group], pad=lm.pad)
            told = response_log_probabilities(logits, labels, normalised=normalised)
            for number, value in zip(group, told.tolist(), strict=True):
                found[number] = value
    return found


def spelled_choices(
    lm: CausalLm, before: str, choices: Sequence[str]
) -> tuple[tuple[int, ...], tuple[tuple[int, ...], ...]]:
    """Find the tokens in which texts that begin alike differ.

    Args:
        lm: Whose tokenizer: it may join a choice's first letters with what stands before.
        before: How all begin; may be empty.
        choices: How each goes on.

    Returns:
        The ids that all begin with, and for each choice the ids behind, one in most vocabularies.
        Where a choice is the beginning of another, both are told apart by their ends.
    """
    texts = [before + choice for choice in choices]
    spelled = [tuple(ids) for ids in lm.tokenizer(texts, add_special_tokens=False)["input_ids"]]
    shared = _shared(spelled)
    if any(len(ids) == shared for ids in spelled):
        spelled = [(*ids, lm.end) for ids in spelled]
    return spelled[0][:shared], tuple(ids[shared:] for ids in spelled)


def _shared(rows: Sequence[Sequence[int]]) -> int:
    return next(
        (n for n, ids in enumerate(zip(*rows, strict=False)) if len(set(ids)) > 1),
        min(map(len, rows)),
    )


def choice_probabilities(
    lm: CausalLm,
    prompts: Sequence[tuple[int, ...]],
    choices: Sequence[Sequence[tuple[int, ...]]],
    *,
    budget: int,
) -> list[list[float]]:
    """Tell how likely a model goes on with each of a prompt's choices, as shares that sum to 1.

    Where the choices are one token each, that is the softmax over these tokens' logits, read in
    one pass. Longer ones are compared by the product of their tokens' probabilities.

    Args:
        lm: Whose opinion.
        prompts: At least one token each.
        choices: For each prompt, of different first tokens.
        budget: Tokens of a forward pass, padding included.
    """
    found: dict[int, list[float]] = {}
    single = [n for n, group in enumerate(choices) if all(len(ids) == 1 for ids in group)]
    rows = [TokenRow((*prompts[n], *choices[n][0]), len(prompts[n])) for n in single]
    for number, logits in zip(single, _next_logits(lm, rows, budget=budget), strict=True):
        found[number] = logits[[ids[0] for ids in choices[number]]].softmax(-1).tolist()
    for number in sorted(set(range(len(prompts))) - set(single)):
        prompt = prompts[number]
        several = [TokenRow((*prompt, *ids), len(prompt)) for ids in choices[number]]
        found[number] = _shares(log_probabilities(lm, several, budget=budget))
    return [found[number] for number in range(len(prompts))]


def _next_logits(lm: CausalLm, rows: Sequence[TokenRow], *, budget: int) -> "list[Tensor]":
    """Return the logits of each row's one token that is no prompt, shape (vocabulary,)."""
    import torch

    found: dict[int, Tensor] = {}
    lm.model.eval()
    with torch.inference_mode():
        for group in token_batches([len(row.ids) for row in rows], budget=budget):
            logits, labels = response_logits(lm.model, [rows[n] for n in group], pad=lm.pad)
            found.update(zip(group, logits[labels != LEFT_OUT].float().cpu(), strict=True))
    return [found[number] for number in range(len(rows))]


def _shares(logs: Sequence[float]) -> list[float]:
    highest = max(logs)
    weights = [math.exp(value - highest) for value in logs]
    return [weight / math.fsum(weights) for weight in weights]

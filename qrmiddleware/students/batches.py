"""Rows of token ids, and how they are cut into batches: pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

_TOKEN_TYPES = 2


@dataclass(frozen=True, slots=True)
class Row:
    """One input of an encoder.

    Attributes:
        ids: Tokens, special ones included.
        types: Per token 0 for the query, 1 for the text; 0 everywhere where the model does not
            tell them apart.
    """

    ids: tuple[int, ...]
    types: tuple[int, ...]


def check_rows(rows: Sequence[Row], *, vocabulary: int) -> None:
    """Refuse what CTranslate2 would read beyond its tables for, or crash on.

    Raises:
        ValueError: If a row is empty, its types do not fit its ids, or a number is out of range.
    """
    for number, row in enumerate(rows):
        if not row.ids:
            message = f"row {number} has no tokens"
            raise ValueError(message)
        if len(row.types) != len(row.ids):
            message = f"row {number} has {len(row.ids)} ids and {len(row.types)} types"
            raise ValueError(message)
        if min(row.ids) < 0 or max(row.ids) >= vocabulary:
            found = next(each for each in row.ids if not 0 <= each < vocabulary)
            message = f"row {number} has token {found}; the model knows 0 to {vocabulary - 1}"
            raise ValueError(message)
        if min(row.types) < 0 or max(row.types) >= _TOKEN_TYPES:
            message = f"row {number} has token types {sorted(set(row.types))}; known are 0 and 1"
            raise ValueError(message)


def cut(lengths: Sequence[int], *, budget: int, parts: int) -> list[list[int]]:
    """Cut rows into batches of like length and about equally many tokens, longest first.

    Args:
        lengths: Tokens of each row.
        budget: Most tokens of a batch, padding included; a longer row is alone in its batch.
        parts: How many batches are wanted at least; there are fewer where there are fewer rows.

    Returns:
        Row numbers; every row is in exactly one batch.
    """
    share = sum(lengths) / parts
    shares: list[list[int]] = []
    seen, slot = 0, -1
    for row in sorted(range(len(lengths)), key=lambda each: -lengths[each]):
        reached = int((seen + lengths[row] / 2) / share)
        if reached != slot:
            shares.append([])
        shares[-1].append(row)
        seen, slot = seen + lengths[row], reached
    return [batch for rows in shares for batch in _within(rows, lengths, budget)]


def _within(rows: Sequence[int], lengths: Sequence[int], budget: int) -> list[list[int]]:
    """Cut rows, longest first, into as few batches as fit the budget: of as many rows each."""
    filled: list[list[int]] = []
    for row in rows:
        if filled and (len(filled[-1]) + 1) * lengths[filled[-1][0]] <= budget:
            filled[-1].append(row)
        else:
            filled.append([row])
    count = len(filled)
    bounds = [len(rows) * number // count for number in range(count + 1)]
    even = [list(rows[start:end]) for start, end in pairwise(bounds)]
    fits = all(len(batch) == 1 or len(batch) * lengths[batch[0]] <= budget for batch in even)
    return even if fits else filled

"""Terms that are spelt almost like another: which of a vocabulary, and how near."""

import itertools
import re
from collections.abc import Iterable

from qrmiddleware.upstream.embedded.problems import illegal

MAX_EXPANSIONS = 50


def max_edits(fuzziness: object, term: str) -> int:
    """How many edits ``fuzziness`` allows a term of this length.

    Raises:
        ApiError: If it is neither 0, 1, 2 nor ``AUTO`` with or without bounds.
    """
    text = str(fuzziness).upper()
    bounds = re.fullmatch(r"AUTO(?::(\d+),(\d+))?", text)
    if bounds:
        low, high = int(bounds[1] or 3), int(bounds[2] or 6)
        return 0 if len(term) < low else 1 if len(term) < high else 2
    try:
        edits = int(float(text))
    except ValueError as error:
        raise illegal(reason=f"[fuzziness] must be 0, 1, 2 or AUTO, found [{fuzziness}]") from error
    return max(0, min(2, edits))


def similar_terms(
    term: str,
    vocabulary: Iterable[str],
    *,
    edits: int,
    prefix_length: int = 0,
    limit: int = MAX_EXPANSIONS,
    swaps: bool = True,
) -> dict[str, float]:
    """The nearest terms of a vocabulary, each with its weight.

    Args:
        term: As analysed.
        vocabulary: All terms.
        edits: Most edits allowed.
        prefix_length: How many first characters must be the same.
        limit: Most terms given back.
        swaps: Whether two neighbours in the wrong order are one edit.

    Returns:
        Weights from 1, for the term itself, downwards: 1 - edits / length of the shorter term.
    """
    found: dict[str, float] = {}
    for candidate in _plausible(term, vocabulary, edits, term[:prefix_length]):
        distance = edit_distance(term, candidate, edits, swaps=swaps)
        if distance <= edits:
            shorter = min(len(term), len(candidate))
            if distance < shorter or candidate == term:
                found[candidate] = 1.0 - distance / shorter
    best = sorted(found.items(), key=lambda item: (-item[1], item[0]))
    return dict(best[:limit])


def _plausible(term: str, vocabulary: Iterable[str], edits: int, prefix: str) -> list[str]:
    """Leave out what cannot be near: one of edits + 1 pieces of the term must survive."""
    if edits == 0:
        return [term] if term in vocabulary else []
    lengths = range(len(term) - edits, len(term) + edits + 1)
    near = [c for c in vocabulary if len(c) in lengths and c.startswith(prefix)]
    pieces = _pieces(term, edits + 1)
    if not all(pieces) or len(term) <= 2 * edits:
        return near
    return [c for c in near if any(piece in c for piece in pieces)] + _swapped(term, near, pieces)


def _swapped(term: str, near: list[str], pieces: list[str]) -> list[str]:
    """Terms in which every piece was broken, as a swap across a border between two does."""
    letters = sorted(term)
    return [c for c in near if sorted(c) == letters and not any(piece in c for piece in pieces)]


def _pieces(term: str, count: int) -> list[str]:
    size, rest = divmod(len(term), count)
    ends = [size * number + min(number, rest) for number in range(count + 1)]
    return [term[start:end] for start, end in itertools.pairwise(ends)]


def edit_distance(one: str, other: str, limit: int, *, swaps: bool = True) -> int:
    """Insertions, deletions, substitutions and swaps of neighbours from one to the other.

    Counts no further than ``limit``: what is more is given back as ``limit + 1``.
    """
    if abs(len(one) - len(other)) > limit:
        return limit + 1
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, left in enumerate(one, 1):
        before, last, row = row, before, [i]
        for j, right in enumerate(other, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (left != right))
            if swaps and i > 1 and j > 1 and left == other[j - 2] and one[i - 2] == right:
                cost = min(cost, last[j - 2] + 1)
            row.append(cost)
        if min(row) > limit:
            return limit + 1
    return min(row[-1], limit + 1)

"""How much of a search is followed; what is beyond is left to the engine as it came."""

from typing import Final

from msgspec import Raw

from qrmiddleware.dsl.raw import Json, NotJsonError, read_value

MAX_NUMBER: Final = 2**31 - 1
"""Largest ``from`` and ``size`` that engines read."""

MAX_LEAVES: Final = 256
"""Clauses with the text that are exchanged; the work grows with the square of them."""

MAX_DEPTH: Final = 200
"""Objects and arrays within each other that are followed; engines refuse far fewer clauses."""


def read_clause(data: bytes | Raw) -> Json:
    """Read a clause whole.

    Raises:
        NotJsonError: If it is no JSON, or nested so deeply that no copy could be made of it.
    """
    clause = read_value(data)
    text = bytes(data)
    if text.count(b"{") + text.count(b"[") > MAX_DEPTH and depth(clause) > MAX_DEPTH:
        problem = f"[query] is nested more than {MAX_DEPTH} levels deep"
        raise NotJsonError(problem)
    return clause


def depth(tree: Json) -> int:
    """Count the objects and arrays within each other, without recursion."""
    count, level = 0, [tree]
    while level := [each for each in level if isinstance(each, dict | list)]:
        count += 1
        level = [
            part for each in level for part in (each.values() if isinstance(each, dict) else each)
        ]
    return count

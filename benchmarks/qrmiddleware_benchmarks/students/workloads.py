"""What a student is asked: batches of token ids, drawn with a seed."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from qrmiddleware_benchmarks.students.shapes import Shape, Task

NEW_TOKENS = 8
_QUERY_TOKENS = 8
_PROMPT_TOKENS = 16
_FIRST_ID = 5
_CLS, _SEP = 2, 3
_SPREAD = 0.4


@dataclass(frozen=True, slots=True)
class Workload:
    """One batch's size.

    Attributes:
        rows: Pairs, queries or prompts.
        tokens: A row's, on average; lengths of pairs and queries lie within 40 % around it.
    """

    rows: int
    tokens: int


@dataclass(frozen=True, slots=True)
class Batch:
    """Token ids as lists, since that is what a tokenizer gives.

    Attributes:
        ids: One list a row, of various lengths.
        types: Per token 0 for the query, 1 for the title; same lengths.
    """

    ids: Sequence[Sequence[int]]
    types: Sequence[Sequence[int]]

    def part(self, rows: Sequence[int]) -> "Batch":
        """Take some rows."""
        return Batch([self.ids[row] for row in rows], [self.types[row] for row in rows])

    @property
    def lengths(self) -> list[int]:
        """Tokens of each row."""
        return [len(ids) for ids in self.ids]


def workloads(
    shape: Shape, *, pairs: Sequence[int], queries: Sequence[int], tokens: Sequence[int]
) -> list[Workload]:
    """List what this student is asked: pairs of every length, or queries of one."""
    if shape.task is Task.CROSS_ENCODER:
        return [Workload(rows, length) for length in tokens for rows in pairs]
    length = _QUERY_TOKENS if shape.task is Task.BI_ENCODER else _PROMPT_TOKENS
    return [Workload(rows, length) for rows in queries]


def draw_batch(shape: Shape, workload: Workload, *, seed: int) -> Batch:
    """Draw token ids; prompts are all of one length, pairs and queries are not.

    The mean length is exactly ``workload.tokens`` for an even number of rows, and within one
    token otherwise.
    """
    generator = np.random.default_rng([seed, workload.rows, workload.tokens])
    if shape.task is Task.GENERATOR:
        lengths = [workload.tokens] * workload.rows
    else:
        lengths = _lengths(workload, generator)
    ids = [_row(shape, length, generator) for length in lengths]
    return Batch(ids, [_types(shape, length) for length in lengths])


def _lengths(workload: Workload, generator: np.random.Generator) -> list[int]:
    """Draw lengths in pairs that lie opposite each other around the mean."""
    reach = int(workload.tokens * _SPREAD)
    offsets = generator.integers(-reach, reach, workload.rows // 2, endpoint=True)
    both = np.concatenate([offsets, -offsets, np.zeros(workload.rows % 2, dtype=np.int64)])
    generator.shuffle(both)
    return [int(workload.tokens + offset) for offset in both]


def _row(shape: Shape, length: int, generator: np.random.Generator) -> list[int]:
    drawn: list[int] = generator.integers(_FIRST_ID, shape.vocabulary, length).tolist()
    return drawn if shape.task is Task.GENERATOR else [_CLS, *drawn[2:], _SEP]


def _types(shape: Shape, length: int) -> list[int]:
    query = min(length // 3, 8) if shape.task is Task.CROSS_ENCODER else length
    return [0] * query + [1] * (length - query)

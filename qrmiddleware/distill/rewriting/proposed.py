"""What a file proposes: candidates as they are, or pairs, of which each rewrite is a candidate."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec

from qrmiddleware.distill.rewriting.row_files import count_rows, read_rows
from qrmiddleware.distill.rewriting.rows import Candidate, CandidateSet, RewritePair

PAIRS: Final = "pairs"
"""Who proposes the rewrites of pairs, for the sets that are made of them."""


def read_proposed(path: Path) -> tuple[int, Iterator[CandidateSet]]:
    """Read a file of candidates, or of pairs, whose rewrites are gathered by query.

    A file of pairs is held in memory, one of candidates is not.

    Returns:
        How many sets there are, and the sets: of pairs in the order in which their queries come.

    Raises:
        ConfigError: If the file cannot be read, or a line is neither.
    """
    first: Any = next(read_rows(path, dict[str, msgspec.Raw]), None)
    if first is None or "rewrite" not in first:
        return count_rows(path, CandidateSet), read_rows(path, CandidateSet)
    found: dict[str, dict[str, None]] = {}
    for pair in read_rows(path, RewritePair):
        found.setdefault(pair.query, {})[pair.rewrite] = None
    return len(found), _sets(found)


def _sets(found: dict[str, dict[str, None]]) -> Iterator[CandidateSet]:
    for query, rewrites in found.items():
        candidates = tuple(Candidate(text=text) for text in rewrites)
        yield CandidateSet(query=query, candidates=candidates, by=PAIRS)

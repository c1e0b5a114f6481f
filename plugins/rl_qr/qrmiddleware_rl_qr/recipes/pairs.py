"""Queries that mean the same, gathered from whoever says so, and split."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Final

import msgspec

from qrmiddleware.distill.rewriting.pair_sources import Found, Reading, read_source
from qrmiddleware.distill.rewriting.query_pairs import (
    PairJudge,
    QueryProducts,
    Splitting,
    both_directions,
    filter_pairs,
    merged_queries,
    shared_pairs,
    split_pairs,
)
from qrmiddleware.distill.rewriting.rows import RewritePair, from_line, to_line
from qrmiddleware.errors import ConfigError
from qrmiddleware.evaluation.formats.registry import load_judged

PAIRS: Final = "pairs.jsonl"


@dataclass(frozen=True, slots=True)
class PairPlan:
    """What becomes a pair.

    Attributes:
        least: Relevant products that two queries share.
        reading: How files are read.
        splitting: How pairs are divided.
        judge: Says whether two queries that share products mean the same; nobody if ``None``.
    """

    least: int = 1
    reading: Reading = field(default_factory=Reading)
    splitting: Splitting = field(default_factory=Splitting)
    judge: PairJudge | None = None


@dataclass(frozen=True, slots=True)
class Gathered:
    """What came of it.

    Attributes:
        queries: With relevant products.
        shared: Pairs of them that share enough, each once.
        refused: Of these, what the judge refused …
        unanswered: … or said nothing of.
        told: Pairs that people or models wrote.
        dropped: Of what they wrote, left out by reason.
        splits: Pairs by split, both directions counted.
    """

    queries: int
    shared: int
    refused: int
    unanswered: int
    told: int
    dropped: Mapping[str, int]
    splits: Mapping[str, int]


def gather_pairs(sources: Sequence[Path], work: Path, plan: PairPlan) -> Gathered:
    """Read sources and write WORK/pairs.jsonl, which is there only when it is whole.

    Args:
        sources: Files as of ``read_source``, and folders of judgments as ``qrm eval`` reads them.
        work: Folder of the training.
        plan: What becomes a pair.

    Raises:
        ConfigError: If a source cannot be read, or there is no pair.
    """
    found = Found()
    for path in sources:
        found += _judgments(path) if path.is_dir() else read_source(path, plan.reading)
    queries = merged_queries(found.queries)
    shared = tuple(shared_pairs(queries, least=plan.least))
    kept, refused, unanswered = shared, 0, 0
    if plan.judge is not None:
        filtered = filter_pairs(shared, plan.judge)
        kept, refused, unanswered = filtered.kept, filtered.refused, filtered.unanswered
    pairs = split_pairs(
        _once([*both_directions(kept), *found.pairs]), plan.splitting, queries=queries
    )
    if not pairs:
        message = (
            f"{len(queries):,} queries share at least {plan.least} products nowhere, and nobody "
            "wrote a rewrite: ask for fewer (--least), or name other sources"
        )
        raise ConfigError(message)
    write_pairs(work / PAIRS, pairs)
    return Gathered(
        len(queries),
        len(shared),
        refused,
        unanswered,
        len(found.pairs),
        found.dropped,
        Counter(pair.split for pair in pairs),
    )


def _once(pairs: Iterable[RewritePair]) -> list[RewritePair]:
    """Keep the first of pairs with the same words."""
    found: dict[tuple[str, str], RewritePair] = {}
    for pair in pairs:
        found.setdefault((pair.query, pair.rewrite), pair)
    return list(found.values())


def _judgments(folder: Path) -> Found:
    judged = load_judged(folder)
    return Found(
        tuple(
            QueryProducts(query.text, judged.relevant[query.query_id]) for query in judged.queries
        )
    )


def write_pairs(file: Path, pairs: Iterable[RewritePair]) -> None:
    """Write pairs to a file that is there only when it is whole."""
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_name(f"{file.name}.draft")
    draft.write_bytes(b"".join(map(to_line, pairs)))
    draft.replace(file)


def read_pairs(file: Path) -> list[RewritePair]:
    """Read pairs.

    Raises:
        ConfigError: If the file is missing, or a line is no pair.
    """
    try:
        lines = file.read_bytes().splitlines()
    except OSError as error:
        message = f"{file}: {error.strerror}; `qrm rl-qr pairs` makes it"
        raise ConfigError(message) from error
    found = []
    for number, line in enumerate(lines, start=1):
        try:
            pair: RewritePair = from_line(line, RewritePair)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            message = f"{file}:{number}: is no pair of query and rewrite: {error}"
            raise ConfigError(message) from error
        found.append(pair)
    return found


def of_split(pairs: Iterable[RewritePair], split: str) -> list[RewritePair]:
    """Return the pairs of a split."""
    return [pair for pair in pairs if pair.split == split]


def file_hash(file: Path) -> str:
    """Return what a student's provenance says of a file."""
    return sha256(file.read_bytes()).hexdigest()

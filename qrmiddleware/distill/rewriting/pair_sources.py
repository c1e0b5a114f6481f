"""Where pairs of queries come from: lists of relevant products, judgments, or people and models."""

import csv
import json
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from qrmiddleware.distill.rewriting.boolean import NotBooleanError, plain_rewrites
from qrmiddleware.distill.rewriting.query_pairs import QueryProducts
from qrmiddleware.distill.rewriting.rows import RewritePair
from qrmiddleware.distill.splits import normalised_query
from qrmiddleware.errors import ConfigError

RELEVANT: Final = frozenset({"E", "S", "exact", "substitute"})
"""Labels of rows that make a product relevant, as ESCI calls them."""

_MOST_WORDS: Final = 16
_COLUMNS: Final = 2
_ID_KEYS: Final = ("product_id", "doc_id")
_LABEL_KEYS: Final = ("label", "esci_label", "grade")
_HEADINGS: Final = {"instruction", "query", "need"}


@dataclass(frozen=True, slots=True)
class Reading:
    """How files are read.

    Attributes:
        relevant: Labels of rows that make a product relevant; numbers above 0 do too.
        where: What lists must say of themselves to be read, such as ``subset: train``.
        most: Rewrites that are made of one Boolean search.
    """

    relevant: Collection[str] = RELEVANT
    where: Mapping[str, Collection[str]] = field(default_factory=dict)
    most: int = 2


@dataclass(frozen=True, slots=True)
class Found:
    """What files say.

    Attributes:
        queries: With their relevant products; wordings may come twice.
        pairs: As people or models wrote them.
        dropped: Rewrites that were left out, by reason.
    """

    queries: tuple[QueryProducts, ...] = ()
    pairs: tuple[RewritePair, ...] = ()
    dropped: Mapping[str, int] = field(default_factory=dict)

    def __add__(self, other: "Found") -> "Found":
        dropped = Counter(self.dropped) + Counter(other.dropped)
        return Found(self.queries + other.queries, self.pairs + other.pairs, dropped)


def read_source(path: Path, reading: Reading) -> Found:
    """Read one file, by what its lines are.

    Of JSON lines: ``query`` and ``product_ids``; ``query``, ``product_id`` and maybe ``label``, a
    judgment each; or ``query`` and ``rewrite``, plain or as a Boolean search. Else two columns with
    a tab between, a query and its rewrite.

    Raises:
        ConfigError: If a line is none of these.
    """
    if path.suffix in {".tsv", ".txt"}:
        return _columns(path)
    rows = list(_json_lines(path))
    if not rows:
        message = f"{path}: holds no line"
        raise ConfigError(message)
    if "rewrite" in rows[0]:
        return _rewrites(path, rows, reading)
    if "product_ids" in rows[0]:
        return Found(queries=tuple(_lists(path, rows, reading)))
    return Found(queries=tuple(_judged(path, rows, reading)))


def objection(query: str, rewrite: str) -> str:
    """Say why a rewrite is nothing to learn from; empty if nothing speaks against it."""
    if not rewrite.strip():
        return "empty"
    if normalised_query(query) == normalised_query(rewrite):
        return "echo"
    if len(rewrite.split()) > _MOST_WORDS:
        return "too long"
    return ""


def _columns(path: Path) -> Found:
    pairs: list[RewritePair] = []
    dropped: Counter[str] = Counter()
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    except (OSError, UnicodeDecodeError) as error:
        message = f"{path}: cannot be read as pairs: {error}"
        raise ConfigError(message) from error
    for number, row in enumerate(rows, start=1):
        if len(row) != _COLUMNS:
            message = f"{path}:{number}: expected a query, a tab and a rewrite; found {len(row)}"
            raise ConfigError(message)
        if number == 1 and row[0].strip().casefold() in _HEADINGS:
            continue
        query, rewrite = (" ".join(cell.split()) for cell in row)
        if reason := objection(query, rewrite):
            dropped[reason] += 1
        else:
            pairs.append(RewritePair(query=query, rewrite=rewrite, source="people"))
    return Found(pairs=tuple(pairs), dropped=dropped)


def _rewrites(path: Path, rows: Sequence[Mapping[str, Any]], reading: Reading) -> Found:
    pairs: dict[tuple[str, str], RewritePair] = {}
    dropped: Counter[str] = Counter()
    for number, row in enumerate(rows, start=1):
        query, told = (_text(path, number, row, key) for key in ("query", "rewrite"))
        try:
            plain = plain_rewrites(told, most=reading.most)
        except NotBooleanError:
            dropped["unreadable"] += 1
            continue
        for rewrite in plain:
            if reason := objection(query, rewrite):
                dropped[reason] += 1
                continue
            source = row.get("source") or path.stem
            pairs.setdefault(
                (query, rewrite), RewritePair(query=query, rewrite=rewrite, source=str(source))
            )
    return Found(pairs=tuple(pairs.values()), dropped=dropped)


def _lists(
    path: Path, rows: Sequence[Mapping[str, Any]], reading: Reading
) -> Iterator[QueryProducts]:
    for number, row in enumerate(rows, start=1):
        if not _wanted(row, reading):
            continue
        told = row.get("product_ids")
        if not isinstance(told, list):
            message = f"{path}:{number}: expected a list of product_ids"
            raise ConfigError(message)
        yield QueryProducts(_text(path, number, row, "query"), frozenset(map(str, told)))


def _judged(
    path: Path, rows: Sequence[Mapping[str, Any]], reading: Reading
) -> Iterator[QueryProducts]:
    found: dict[str, set[str]] = defaultdict(set)
    for number, row in enumerate(rows, start=1):
        if not _wanted(row, reading):
            continue
        doc_id = next((row[key] for key in _ID_KEYS if key in row), None)
        if doc_id is None:
            message = f"{path}:{number}: expected product_ids, a product_id, or a rewrite"
            raise ConfigError(message)
        label = next((row[key] for key in _LABEL_KEYS if key in row), 1)
        products = found[_text(path, number, row, "query")]
        if label in reading.relevant or (isinstance(label, int | float) and label > 0):
            products.add(str(doc_id))
    return (QueryProducts(query, frozenset(products)) for query, products in found.items())


def _wanted(row: Mapping[str, Any], reading: Reading) -> bool:
    return all(str(row.get(key, "")) in allowed for key, allowed in reading.where.items())


def _text(path: Path, number: int, row: Mapping[str, Any], key: str) -> str:
    told = row.get(key)
    if not isinstance(told, str):
        message = f"{path}:{number}: expected a text as {key}"
        raise ConfigError(message)
    return " ".join(told.split())


def _json_lines(path: Path) -> Iterator[Mapping[str, Any]]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        message = f"{path}: cannot be read: {error}"
        raise ConfigError(message) from error
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            message = f"{path}:{number}: not JSON: {error}"
            raise ConfigError(message) from error
        if not isinstance(row, dict):
            message = f"{path}:{number}: expected an object, found {type(row).__name__}"
            raise ConfigError(message)
        yield row

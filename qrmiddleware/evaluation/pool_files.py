"""Reads and writes pooled pairs and merged judgments, for people, spreadsheets and Quepid."""

import csv
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import IO, Any, Final, Literal, TypeAlias

from qrmiddleware.errors import QrmError
from qrmiddleware.evaluation.collection import JudgedQueries, JudgedQuery
from qrmiddleware.evaluation.pooling import HUMAN, Merged, PooledPair, Sources

PoolFormat: TypeAlias = Literal["tsv", "jsonl", "quepid"]

_DOC_ID: Final = ("doc_id", "product_id", "docid")
_RELEVANCE: Final = ("relevance", "grade", "rating")
_QUERY: Final = ("query", "query_text")
_OWN: Final = {"query_id", "source", "found_by", *_DOC_ID, *_RELEVANCE, *_QUERY}


class PoolFileError(QrmError):
    """A file with pairs cannot be read; the message says where, and what is wrong."""


def format_of(path: Path) -> PoolFormat:
    """Tell a pool's format by the end of its name.

    Raises:
        PoolFileError: If it is none of ours.
    """
    endings: Mapping[str, PoolFormat] = {".tsv": "tsv", ".jsonl": "jsonl", ".csv": "quepid"}
    if path.suffix not in endings:
        message = f"{path}: a pool is .tsv, .jsonl or, for Quepid, .csv; say --format"
        raise PoolFileError(message)
    return endings[path.suffix]


def write_pool(
    path: Path, pairs: Iterable[PooledPair], file_format: PoolFormat, *, blind: bool = False
) -> None:
    """Write pairs to a file, in their order.

    Args:
        path: The file.
        pairs: What is to be judged, or was.
        file_format: ``tsv`` for spreadsheets, ``jsonl``, or ``quepid`` for Quepid's
            ``query,docid,rating``, which knows neither ids of queries nor fields.
        blind: Leave out which arm found what at which rank.
    """
    pairs = [replace(pair, ranks={}) if blind else pair for pair in pairs]
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        match file_format:
            case "jsonl":
                file.writelines(
                    json.dumps(_record(pair), ensure_ascii=False) + "\n" for pair in pairs
                )
            case "tsv":
                _write_tsv(file, pairs)
            case "quepid":
                writer = csv.writer(file, lineterminator="\n")
                writer.writerow(("query", "docid", "rating"))
                writer.writerows(
                    (pair.query, pair.doc_id, _shown(pair.relevance)) for pair in pairs
                )


def _record(pair: PooledPair) -> dict[str, Any]:
    record: dict[str, Any] = {
        "query_id": pair.query_id,
        "query": pair.query,
        "doc_id": pair.doc_id,
        "fields": dict(pair.fields),
        "relevance": pair.relevance,
        "source": pair.source,
    }
    return record | ({"ranks": dict(pair.ranks)} if pair.ranks else {})


def _write_tsv(file: IO[str], pairs: Sequence[PooledPair]) -> None:
    names = list(dict.fromkeys(name for pair in pairs for name in pair.fields if name not in _OWN))
    writer = csv.writer(file, delimiter="\t", lineterminator="\n")
    found_by = ("found_by",) if any(pair.ranks for pair in pairs) else ()
    writer.writerow(("query_id", "query", "doc_id", *names, "relevance", "source", *found_by))
    for pair in pairs:
        fields = (" ".join(pair.fields.get(name, "").split()) for name in names)
        ranks = " ".join(f"{arm}@{rank}" for arm, rank in pair.ranks.items())
        row = (pair.query_id, pair.query, pair.doc_id, *fields, _shown(pair.relevance), pair.source)
        writer.writerow((*row, ranks) if found_by else row)


def _shown(relevance: int | None) -> str:
    return "" if relevance is None else str(relevance)


def read_pool(path: Path, queries: Iterable[JudgedQuery] = ()) -> Iterator[PooledPair]:
    """Yield the pairs of a file, judged or not.

    Tables are read by their head: ``query_id`` (or ``query``, the text, as in Quepid's files),
    ``doc_id``, ``product_id`` or ``docid``, and ``relevance``, ``grade`` or ``rating``; other
    columns are fields. Lines of JSON have the same keys, and ``fields``.

    Args:
        path: The file: ``.jsonl``, ``.csv``, else tab-separated.
        queries: Where ids are found for texts, and texts for ids.

    Raises:
        PoolFileError: If a line is not what it should be.
    """
    known = _Queries(queries)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = _json_rows(path, file) if path.suffix == ".jsonl" else _table_rows(path, file)
            for where, row in rows:
                yield _pair(where, row, known)
    except FileNotFoundError as error:
        message = f"{path}: there is no such file"
        raise PoolFileError(message) from error
    except (UnicodeDecodeError, csv.Error) as error:
        message = f"{path}: not a text file of pairs: {error}"
        raise PoolFileError(message) from error


class _Queries:
    """Finds queries by id and by text."""

    def __init__(self, queries: Iterable[JudgedQuery]) -> None:
        self._texts: dict[str, str] = {}
        self._ids: dict[str, list[str]] = {}
        for query in queries:
            self._texts[query.query_id] = query.text
            self._ids.setdefault(query.text.strip(), []).append(query.query_id)

    def text(self, query_id: str) -> str:
        return self._texts.get(query_id, "")

    def query_id(self, where: str, text: str) -> str:
        found = self._ids.get(text.strip(), [])
        if len(found) != 1:
            there = f"{len(found)} queries" if found else "no query of the collection"
            message = f"{where}: {there} with the text {text!r}; name it in a column query_id"
            raise PoolFileError(message)
        return found[0]


def _table_rows(path: Path, file: IO[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    reader = csv.reader(file, delimiter="," if path.suffix == ".csv" else "\t")
    head = [name.strip() for name in next(reader, [])]
    for needed in (("query_id", *_QUERY), _DOC_ID, _RELEVANCE):
        if not set(needed) & set(head):
            message = f"{path}: expected a column {' or '.join(needed)}, found {', '.join(head)}"
            raise PoolFileError(message)
    for cells in reader:
        where = f"{path}:{reader.line_num}"
        if not any(cells):
            continue
        if len(cells) != len(head):
            message = f"{where}: {len(cells)} cells under {len(head)} columns"
            raise PoolFileError(message)
        row: dict[str, Any] = dict(zip(head, cells, strict=True))
        row["fields"] = {name: row[name] for name in head if name not in _OWN and row[name]}
        row["ranks"] = dict(_ranks(row.get("found_by", "")))
        yield where, row


def _ranks(found_by: str) -> Iterator[tuple[str, int]]:
    """Read ``arm@rank arm@rank``; an arm's name may hold spaces."""
    arm = ""
    for word in found_by.split(" "):
        name, sign, rank = word.rpartition("@")
        arm = f"{arm} {name if sign else word}".strip()
        if sign and rank.isdecimal():
            yield arm, int(rank)
            arm = ""


def _json_rows(path: Path, file: IO[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    for number, line in enumerate(file, start=1):
        where = f"{path}:{number}"
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            message = f"{where}: not JSON: {error}"
            raise PoolFileError(message) from error
        if not isinstance(row, dict):
            message = f"{where}: expected an object, found {line.strip()[:60]}"
            raise PoolFileError(message)
        yield where, row


def _pair(where: str, row: Mapping[str, Any], known: _Queries) -> PooledPair:
    text = str(_first(row, _QUERY) or "")
    query_id = str(row.get("query_id") or "") or known.query_id(where, text)
    doc_id = str(_first(row, _DOC_ID) or "")
    if not doc_id:
        message = f"{where}: no doc_id"
        raise PoolFileError(message)
    return PooledPair(
        query_id,
        text or known.text(query_id),
        doc_id,
        {name: str(value) for name, value in (row.get("fields") or {}).items()},
        {arm: int(rank) for arm, rank in (row.get("ranks") or {}).items()},
        _relevance(where, _first(row, _RELEVANCE)),
        str(row.get("source") or ""),
    )


def _first(row: Mapping[str, Any], names: Sequence[str]) -> object:
    return next((row[name] for name in names if row.get(name) is not None), None)


def _relevance(where: str, value: object) -> int | None:
    text = "" if value is None else str(value).strip()
    if not text:
        return None
    try:
        number = float(text)
    except ValueError:
        number = 0.5
    if isinstance(value, bool) or not number.is_integer():
        message = f"{where}: a relevance is a whole number, not {text!r}"
        raise PoolFileError(message)
    return int(number)


def read_sources(path: Path) -> Sources:
    """Return who judged what, where a judgment file of our own has a column ``source``.

    Args:
        path: The collection's folder, or its file of judgments; in other formats nobody says.
    """
    file = path / "judgments.tsv" if path.is_dir() else path
    if file.suffix != ".tsv" or not file.is_file():
        return {}
    with file.open(encoding="utf-8-sig", newline="") as lines:
        reader = csv.DictReader(lines, delimiter="\t")
        if not {"query_id", "product_id", "source"} <= set(reader.fieldnames or ()):
            return {}
        return {
            (row["query_id"], row["product_id"]): row["source"] for row in reader if row["source"]
        }


def write_merged(folder: Path, merged: Merged) -> None:
    """Write a collection to a folder: ``queries.jsonl``, and ``judgments.tsv`` with sources."""
    folder.mkdir(parents=True, exist_ok=True)
    _write_queries(folder / "queries.jsonl", merged.judged)
    with (folder / "judgments.tsv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter="\t", lineterminator="\n")
        writer.writerow(("query_id", "product_id", "grade", "source"))
        for query_id, grades in merged.judged.qrels.items():
            for doc_id, relevance in grades.items():
                source = merged.sources.get((query_id, doc_id), HUMAN)
                writer.writerow((query_id, doc_id, relevance, source))


def _write_queries(path: Path, judged: JudgedQueries) -> None:
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for query in judged.queries:
            record = {"query_id": query.query_id, "query": query.text}
            fold = {} if query.fold is None else {"fold": query.fold}
            file.write(json.dumps(record | fold, ensure_ascii=False) + "\n")

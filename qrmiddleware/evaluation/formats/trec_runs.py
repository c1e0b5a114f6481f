"""TREC run files: what an arm answered, as other tools read and write it.

Source: trec_eval's README, https://github.com/usnistgov/trec_eval (query, Q0, document, rank,
score, name).
"""

import struct
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Final

from qrmiddleware.evaluation.formats.rows import Row, word_rows
from qrmiddleware.evaluation.rankings import ArmRun, RankedHit, Ranking

COLUMNS: Final = ("query", "q0", "document", "rank", "score", "run")


def read_run(file: Path, *, name: str = "") -> ArmRun:
    """Read a run.

    Hits are ordered by score, as trec_eval does, which ignores ranks; by rank where scores are
    equal.

    Args:
        file: Gzipped if its name ends so.
        name: Of the arm; the run's own if empty.

    Raises:
        FormatError: If a line is not one of a run, or a document comes twice.
    """
    found: dict[str, dict[str, tuple[float, int]]] = {}
    tag = ""
    for row in word_rows(file, COLUMNS):
        _note(found.setdefault(row.text("query"), {}), row)
        tag = tag or row.text("run")
    rankings = {query_id: Ranking(query_id, _ordered(hits)) for query_id, hits in found.items()}
    depth = max((len(ranking.hits) for ranking in rankings.values()), default=0)
    return ArmRun(name or tag or file.stem, rankings, depth, asked=str(file))


def _note(hits: dict[str, tuple[float, int]], row: Row) -> None:
    doc_id = row.text("document")
    if doc_id in hits:
        expected = f"{doc_id} once for this query"
        raise row.wrong(expected)
    hits[doc_id] = (row.number("score"), row.integer("rank"))


def _ordered(hits: dict[str, tuple[float, int]]) -> tuple[RankedHit, ...]:
    ordered = sorted(hits.items(), key=lambda hit: (-hit[1][0], hit[1][1]))
    return tuple(RankedHit(doc_id, score) for doc_id, (score, _) in ordered)


def write_run(file: Path, run: ArmRun) -> None:
    """Write a run that any tool ranks as the arm did.

    trec_eval orders by score, in single precision, and breaks ties by document. Where an arm's
    scores do not fall from hit to hit even so, what is written in their place counts down to 1.
    """
    name = "".join(run.name.split()) or "run"
    with file.open("w", encoding="utf-8", newline="\n") as lines:
        lines.writelines(
            f"{query_id} Q0 {hit.doc_id} {rank} {score:.9g} {name}\n"
            for query_id, ranking in run.rankings.items()
            for rank, (hit, score) in enumerate(_scored(ranking.hits), start=1)
        )


def _scored(hits: Sequence[RankedHit]) -> Iterator[tuple[RankedHit, float]]:
    scores = [_single(hit.score) for hit in hits]
    if not all(higher > lower for higher, lower in pairwise(scores)):
        scores = [float(place) for place in range(len(hits), 0, -1)]
    return zip(hits, scores, strict=True)


def _single(score: float) -> float:
    """Round to what single precision holds."""
    return float(struct.unpack("f", struct.pack("f", score))[0])

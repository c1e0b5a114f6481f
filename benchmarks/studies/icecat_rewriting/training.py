"""Trains the rewriters of both systems on one catalogue; what is there stays as it is.

Nobody's judgment and no judged query is read: wordings come of the catalogue and of another shop's
log, and what they are worth is told by an engine, and by a general bi-encoder that judges its hits.
"""

import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from qrmiddleware.distill.rewriting.row_files import read_rows, write_rows
from qrmiddleware.distill.rewriting.rows import RewritePair
from qrmiddleware.distill.rewriting.wordings import TYPE
from qrmiddleware_benchmarks.fronts import qrm

FOLDS: Final = "0,1,2,3"
FIELDS: Final = "title,description"
RELEVANT: Final = "0.45"
"""Cosine of a query with what is relevant to it."""
SIZE: Final = "4000,4,192,4"
"""Vocabulary, layers, width and heads."""
ALIGNED_QUERIES: Final = 1500
KEPT: Final = "kept.jsonl"


@dataclass(frozen=True, slots=True)
class Engine:
    """Where hits come from."""

    url: str
    index: str

    @property
    def words(self) -> tuple[str, ...]:
        """How commands are told."""
        return ("--url", self.url, "--index", self.index, "--fields", FIELDS)


class Training:
    """All that is made of one catalogue.

    Args:
        data: Judgments and catalogue.
        log: Queries of another shop, one a line.
        work: Where everything is kept.
        engine: That holds the catalogue.
    """

    def __init__(self, data: Path, log: Path, work: Path, engine: Engine) -> None:
        self._data, self._log, self._engine = data, log, engine
        self.work = work
        self.minilm = work / "minilm"
        models = work / "models"
        self.words, self.sft, self.beque = models / "words", models / "sft", models / "beque"

    def train(self) -> None:
        """Go through BEQUE's stages."""
        pairs = self.work / "pairs.jsonl"
        if not self.minilm.is_dir():
            fields = ("--fields", FIELDS, "--max-tokens", "96")
            self._qrm("models", "export", "minilm", "--to", self.minilm, *fields)
        if not pairs.is_file():
            made = ("--hold-out", FOLDS, "--queries", "4000", "--log", self._log)
            near = ("--nearest", self.minilm, "--nearness", "0.6")
            self._qrm("beque", "wordings", self._data, "--to", pairs, *made, *near)
        told = self._feedback(pairs)
        self._teach(self.work / "words", self.words, self._of_words(pairs), told, "0.1")
        self._teach(self.work, self.sft, pairs, told, "0.3")
        self._align(self.work / KEPT)
        self._export(self.work, self.beque, "aligned")

    def _of_words(self, pairs: Path) -> Path:
        """Write the pairs whose rewrite has the query's own words, in another form or mended."""
        found = self.work / "words" / "pairs.jsonl"
        rows = (pair for pair in read_rows(pairs, RewritePair) if pair.source != TYPE)
        write_rows(found, rows)
        return found

    def _teach(self, work: Path, target: Path, pairs: Path, told: Path, relevance: str) -> None:
        """Train a generator on the pairs that the engine bears out."""
        kept = work / KEPT
        if not kept.is_file():
            least = ("--relevance", relevance, "--increment", "0")
            self._qrm("beque", "reject", pairs, "--scores", told, "--to", kept, *least)
            self._qrm("beque", "instruct", kept, "--to", work, "--prompts", "rewriting-short-1")
        if not (work / "sft").is_dir():
            how = ("--scratch", SIZE, "--rate", "1e-3", "--epochs", "8", "--batch", "32")
            self._qrm("beque", "sft", work, *how, "--at-once", "32", "--max-tokens", "64")
        self._export(work, target, "sft")

    def _align(self, kept: Path) -> None:
        queries, found = self.work / "queries.jsonl", self.work / "candidates.jsonl"
        if (self.work / "aligned").is_dir():
            return
        every = dict.fromkeys(pair.query for pair in read_rows(kept, RewritePair))
        some = list(every)[:: max(1, len(every) // ALIGNED_QUERIES)]
        write_rows(queries, (RewritePair(query=query, rewrite="") for query in some))
        how = ("--count", "5", "--temperature", "1")
        self._qrm("beque", "candidates", queries, "--model", self.sft, "--to", found, *how)
        told = ("--feedback", self._feedback(found), "--objective", "weighted", "--hitrate", "0")
        learnt = ("--rate", "1e-4", "--epochs", "4", "--batch", "16", "--at-once", "16")
        self._qrm("beque", "align", self.work, *told, *learnt)

    def _feedback(self, proposed: Path) -> Path:
        """Ask the engine about all that a file proposes; returns the file of its feedback."""
        told = proposed.with_suffix(".feedback.jsonl")
        judged = ("--student", self.minilm, "--min-score", RELEVANT, "--text-fields", FIELDS)
        self._qrm("feedback", proposed, "--to", told, *self._engine.words, *judged)
        return told

    def _export(self, work: Path, target: Path, checkpoint: str) -> None:
        if not target.is_dir():
            made = ("--checkpoint", work / checkpoint, "--licence", "Apache-2.0")
            self._qrm("beque", "export", work, "--to", target, *made)

    def _qrm(self, *words: str | Path) -> None:
        subprocess.run(list(_words((qrm(), *words))), check=True)  # noqa: S603 our own command


def _words(words: Iterable[str | Path]) -> Iterable[str]:
    return map(str, words)

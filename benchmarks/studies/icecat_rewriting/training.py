"""Trains the rewriters of both systems on one catalogue; what is there stays as it is.

Nobody's judgment and no judged query is read: wordings come of the catalogue and of another shop's
log, and what they are worth is told by an engine, and by a general bi-encoder that judges its hits.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from qrmiddleware.distill.rewriting.row_files import read_rows, write_rows
from qrmiddleware.distill.rewriting.rows import RewritePair
from qrmiddleware_benchmarks.fronts import run_qrm
from qrmiddleware_rl_qr.recipes.versions import newest_chosen, read_versions, student_folder

FOLDS: Final = "0,1,2,3"
FIELDS: Final = "title,description"
RELEVANT: Final = "0.45"
"""Cosine of a query with what is relevant to it."""
SIZE: Final = "4000,4,192,4"
"""Vocabulary, layers, width and heads of what BEQUE trains …"""
HALF: Final = "4000,2,128,4"
"""… and of RL-QR's student."""
MANUFACTURED: Final = ("--hold-out", FOLDS, "--queries")
PRETRAINED: Final = ("--scratch", SIZE, "--rate", "1e-3", "--epochs", "1")
TUNED: Final = ("--rate", "3e-4", "--epochs", "2")
ALIGNED: Final = ("--rate", "1e-4", "--epochs", "4", "--batch", "16", "--at-once", "16")
DISTILLED: Final = ("--steps", "2500", "--at-once", "32", "--max-tokens", "64")
ON_POLICY: Final = ("--on-policy-steps", "100", "--samples", "1", "--teacher-temperature", "0")
ONLINE: Final = ("--rounds", "6", "--queries", "200", "--rate", "1e-4", "--margin", "0.02")
ASKED: Final = 1000
"""Queries that rewrites are proposed of for alignment, and that are logged for online learning …"""
HEARD: Final = 12_000
"""… and that a student hears its teacher's rewrites of."""
GUARDING: Final = 100
KEPT: Final = "kept.jsonl"
_SHORT: Final = ("--prompts", "rewriting-short-1")
_BATCH: Final = ("--batch", "32", "--at-once", "32", "--max-tokens", "64")


@dataclass(frozen=True, slots=True)
class Shop:
    """The catalogue, and how it is searched.

    Attributes:
        data: Judgments and catalogue.
        log: Queries of another shop, one a line.
        url: Of the engine that holds the catalogue …
        index: … and its index.
        search: File of the search body.
    """

    data: Path
    log: Path
    url: str
    index: str
    search: Path


class Material:
    """What every seed learns from.

    Args:
        shop: Whose catalogue.
        work: Where it is kept.
    """

    def __init__(self, shop: Shop, work: Path) -> None:
        self.shop, self._work = shop, work
        self.minilm = work / "minilm"
        self.words, self.base = work / "words.jsonl", work / "words" / "sft"
        self.pairs, self.kept = work / "pairs.jsonl", work / KEPT

    def make(self) -> None:
        """Make pairs, have the engine say which of them find more, and train the base of all."""
        made = (*MANUFACTURED, "30000", "--log", self.shop.log)
        if not self.minilm.is_dir():
            fields = ("--fields", FIELDS, "--max-tokens", "96")
            run_qrm("models", "export", "minilm", "--to", self.minilm, *fields)
        if not self.words.is_file():
            run_qrm("beque", "wordings", self.shop.data, "--to", self.words, *made)
        if not self.pairs.is_file():
            few = (*MANUFACTURED, "4000", "--log", self.shop.log)
            near = ("--nearest", self.minilm, "--nearness", "0.6")
            run_qrm("beque", "wordings", self.shop.data, "--to", self.pairs, *few, *near)
        if not self.kept.is_file():
            told = ("--scores", self.feedback(self.pairs), "--to", self.kept)
            least = ("--relevance", "0.5", "--increment", "0.05")
            run_qrm("beque", "reject", self.pairs, *told, *least)
        teach(self.base.parent, self.words, *PRETRAINED)

    def feedback(self, proposed: Path) -> Path:
        """Ask the engine about all that a file proposes; returns the file of its feedback."""
        told = proposed.with_suffix(".feedback.jsonl")
        engine = ("--url", self.shop.url, "--index", self.shop.index, "--body", self.shop.search)
        judged = ("--student", self.minilm, "--min-score", RELEVANT, "--text-fields", FIELDS)
        run_qrm("feedback", proposed, "--to", told, *engine, *judged)
        return told


class Training:
    """Both systems, trained with one seed.

    Args:
        material: What there is to learn from.
        work: Where everything is kept.
        seed: Of everything that is drawn.
    """

    def __init__(self, material: Material, work: Path, seed: int) -> None:
        self._from, self._work, self._seed = material, work, ("--seed", str(seed))
        self._log, self._guard = work / "log.txt", work / "guard.txt"

    def train(self) -> dict[str, Path]:
        """Go through all stages; returns the generator of each."""
        base = self._from.base
        sft = teach(self._work / "sft", self._told(), "--base", base, *TUNED, *self._seed)
        asked = self._asked()
        aligned = self._aligned(sft, asked[GUARDING:])
        student = self._distilled(base)
        return {
            "words": exported(base),
            "sft": exported(sft),
            "beque": exported(aligned),
            "distilled": self._student(student),
            "rl_qr": self._online(student, asked),
        }

    def _told(self) -> Path:
        """Write what the engine bore out, and as much of what the base learnt: not to forget it."""
        told = self._work / KEPT
        borne_out = list(read_rows(self._from.kept, RewritePair))
        known = list(read_rows(self._from.words, RewritePair))
        write_rows(told, [*borne_out, *known[:: max(1, len(known) // len(borne_out))]])
        return told

    def _asked(self) -> list[str]:
        """Return queries that the engine bore a rewrite of out, drawn evenly from all of them."""
        every = list(dict.fromkeys(p.query for p in read_rows(self._from.kept, RewritePair)))
        return every[:: max(1, len(every) // (ASKED + GUARDING))]

    def _aligned(self, sft: Path, asked: list[str]) -> Path:
        work = sft.parent
        queries, found = work / "queries.jsonl", work / "candidates.jsonl"
        if not (work / "aligned").is_dir():
            write_rows(queries, (RewritePair(query=query, rewrite="") for query in asked))
            how = ("--count", "5", "--temperature", "1", *self._seed)
            run_qrm("beque", "candidates", queries, "--model", sft, "--to", found, *how)
            told = ("--feedback", self._from.feedback(found), "--objective", "weighted")
            run_qrm("beque", "align", work, *told, "--hitrate", "0", *ALIGNED, *self._seed)
        return work / "aligned"

    def _distilled(self, teacher: Path) -> Path:
        work = self._work / "rl_qr"
        if not (work / "distilled").is_dir():
            write_rows(work / "pairs.jsonl", self._heard())
            how = ("--teacher", teacher, "--scratch", HALF, *DISTILLED, *ON_POLICY, *self._seed)
            run_qrm("rl-qr", "distill", work, *how)
        return work / "distilled"

    def _heard(self) -> Iterator[RewritePair]:
        every = {pair.query: pair for pair in read_rows(self._from.words, RewritePair)}
        for place, pair in enumerate(list(every.values())[:: max(1, len(every) // HEARD)]):
            yield RewritePair(
                query=pair.query, rewrite=pair.rewrite, split="train" if place % 20 else "valid"
            )

    def _online(self, student: Path, asked: list[str]) -> Path:
        work, shop = student.parent, self._from.shop
        if not read_versions(work):
            self._guard.write_text("\n".join(asked[:GUARDING]) + "\n", encoding="utf-8")
            self._log.write_text("\n".join(asked[GUARDING:]) + "\n", encoding="utf-8")
            engine = ("--url", shop.url, "--index", shop.index, "--body", shop.search)
            judged = ("--relevance", self._from.minilm, "--log", self._log, "--guard", self._guard)
            run_qrm("rl-qr", "online", work, *engine, *judged, *ONLINE, *self._seed)
        return student_folder(work, newest_chosen(read_versions(work)))

    def _student(self, checkpoint: Path) -> Path:
        target = checkpoint.parent / "model"
        if not target.is_dir():
            told = ("--to", target, "--stored", "float32", "--teacher", "BEQUE, words")
            run_qrm("rl-qr", "student", checkpoint.parent, *told)
        return target


def teach(work: Path, pairs: Path, *how: str | Path) -> Path:
    """Teach a generator pairs; returns its checkpoint."""
    if not (work / "sft").is_dir():
        run_qrm("beque", "instruct", pairs, "--to", work, *_SHORT)
        run_qrm("beque", "sft", work, *how, *_BATCH)
    return work / "sft"


def exported(checkpoint: Path) -> Path:
    """Make a student of a checkpoint; returns its folder."""
    target = checkpoint.with_name(f"{checkpoint.name}.model")
    if not target.is_dir():
        made = ("--checkpoint", checkpoint, "--to", target, "--licence", "Apache-2.0")
        run_qrm("beque", "export", checkpoint.parent, *made)
    return target

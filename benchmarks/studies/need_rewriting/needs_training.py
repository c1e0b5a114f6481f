"""Trains the rewriters of needs, stage by stage; what is there already is not trained again."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

from needs import WordRule, feedback_of, pieces, read_pairs, spread, typed_by_need

from qrmiddleware.distill.rewriting.row_files import read_rows, write_rows
from qrmiddleware.distill.rewriting.rows import CandidateSet, RewritePair
from qrmiddleware_benchmarks.fronts import run_qrm

SPLIT: Final = ("--valid", "0", "--test", "0.2")
SCRATCH: Final = "2000,3,128,4"
"""Vocabulary, layers, width and heads of what `qrm beque` trains."""
HALF: Final = "2000,2,96,4"
"""Of the distilled student."""
WARM: Final = ("--rate", "3e-3", "--epochs", "1.5", "--batch", "16", "--at-once", "16")
PIECES: Final = ("--rate", "2e-3", "--epochs", "1", "--batch", "32", "--at-once", "32")
AGAIN: Final = ("--rate", "2e-3", "--epochs", "3", "--batch", "16", "--at-once", "16")
TAUGHT: Final = ("--rate", "3e-4", "--batch", "16", "--at-once", "16")
EPOCHS: Final = 2
"""Of people's pairs and as many of the rule's; more pairs are taught as many steps."""
ALIGNED: Final = ("--rate", "1e-4", "--epochs", "2", "--batch", "16", "--at-once", "4")
DISTILLED: Final = ("--steps", "2500", "--rate", "3e-3", "--batch", "32", "--at-once", "32")
ON_POLICY: Final = ("--on-policy-steps", "100", "--on-policy-rate", "3e-4")
KEPT: Final = "0.8"
"""Least token F1 with what people typed of a sampled rewrite that is learnt."""
HEARD: Final = {"rule.jsonl": 6000, "pieces.jsonl": 12_000}
"""Needs without a search, and pieces, that the student hears its teacher's rewrites of."""
SAMPLED: Final = 400
"""Needs with a search that rewrites are sampled of, for rejection and again for alignment."""
ROOM: Final = ("--rewrite-prompt-tokens", "96")
_TOKENS: Final = ("--max-tokens", "128")
_SHORT: Final = ("--prompts", "rewriting-short-1")


class Training:
    """All that is trained of people's searches for needs.

    Args:
        data: Folder with ``rewrites.tsv`` and ``instructions.jsonl``.
        work: Where everything is kept.
    """

    def __init__(self, data: Path, work: Path) -> None:
        self._data, self.work = data, work
        self.pairs = work / "people" / "pairs.jsonl"
        self._pieces, self.warm = work / "pieces", work / "warm" / "again"
        self.short = work / "pieces.jsonl"

    def begin(self) -> None:
        """Split by need, and train what every seed begins with: to follow a rule."""
        told, warm = self.work / "rule.jsonl", self.work / "warm"
        if not self.pairs.is_file():
            run_qrm("rl-qr", "pairs", self._data / "rewrites.tsv", *_to(self.pairs.parent), *SPLIT)
        if not told.is_file():
            write_rows(told, (*self._by_rule(), *read_pairs(self.pairs, "test")))
        if not (warm / "sft").is_dir():
            run_qrm("beque", "instruct", told, *_to(warm), *_SHORT)
            self._sft(warm, "--scratch", SCRATCH, *WARM)
        if not (self._pieces / "sft").is_dir():
            whole = list(read_rows(told, RewritePair))
            needs = [pair.query for pair in whole if pair.split == "train"]
            held_out = [pair for pair in whole if pair.split == "test"]
            write_rows(self.short, (*pieces(needs, self._rule()), *held_out))
            run_qrm("beque", "instruct", self.short, *_to(self._pieces), *_SHORT)
            self._sft(self._pieces, "--base", warm / "sft", *PIECES)
        if not self.warm.is_dir():
            begun = ("--base", self._pieces / "sft", *_to(self.warm))
            self._sft(warm, *begun, *AGAIN, *_seed(1))

    def train(self, seed: int) -> dict[str, Path]:
        """Go through BEQUE's stages with a seed; returns the generator of each."""
        work, sft = self.work / f"seed-{seed}", self.taught(seed)
        kept, pairs = work / "kept.jsonl", work / "sampled.pairs.jsonl"
        sampled = self._candidates(sft, work / "sampled.jsonl", seed)
        if not kept.is_file():
            write_rows(pairs, _pairs_of(sampled))
            told = ("--scores", _told(sampled), "--relevance", KEPT, "--increment", "0")
            run_qrm("beque", "reject", pairs, *_to(kept), *told)
        rejected = self._taught(work / "rejected", (self.pairs, kept), seed)
        aligned = rejected.parent / "aligned"
        found = self._candidates(rejected, work / "candidates.jsonl", seed)
        if not aligned.is_dir():
            learnt = ("--feedback", _told(found), "--objective", "rele", *ALIGNED, *_seed(seed))
            run_qrm("beque", "align", rejected.parent, "--base", rejected, *learnt)
        made = {"copies": self.warm, "SFT": sft, "+ rejection": rejected, "+ PRO": aligned}
        return {
            name: self._export(checkpoint, work / "models" / name)
            for name, checkpoint in made.items()
        }

    def taught(self, seed: int) -> Path:
        """Teach people's pairs alone; returns the checkpoint."""
        return self._taught(self.work / f"seed-{seed}" / "sft", (self.pairs,), seed)

    def distil(self, seed: int) -> dict[str, Path]:
        """Distil what was taught; returns the student's generator."""
        folder = self.work / f"seed-{seed}"
        work, target = folder / "distilled", folder / "models" / "distilled"
        self._distilled(work, self.taught(seed), seed)
        if not target.is_dir():
            told = ("--teacher", "BEQUE, SFT", "--stored", "float32")
            run_qrm("rl-qr", "student", work, *_to(target), *told)
        return {"distilled": target}

    def _taught(self, work: Path, files: Sequence[Path], seed: int) -> Path:
        """Teach pairs, and as many of the rule's as people's: or it forgets how to copy."""
        if not (work / "sft").is_dir():
            people, every, again = *map(_count, ((self.pairs,), files)), work / "again.jsonl"
            write_rows(again, spread(read_pairs(self.work / "rule.jsonl", "train"), people))
            how = (*TAUGHT, "--epochs", f"{EPOCHS * 2 * people / (people + every):.3f}")
            run_qrm("beque", "instruct", *files, again, *_to(work), *_SHORT, *_seed(seed))
            self._sft(work, "--base", self.warm, *how, *_seed(seed))
        return work / "sft"

    def _candidates(self, model: Path, to: Path, seed: int) -> Path:
        """Have a model propose rewrites of the needs that are learnt, and value them."""
        typed = typed_by_need(read_pairs(self.pairs, "train"))
        if not _told(to).is_file():
            queries = to.with_suffix(".queries.jsonl")
            some = spread(list(typed), SAMPLED)
            write_rows(queries, (RewritePair(query=need, rewrite="") for need in some))
            how = ("--model", model, *_to(to), "--count", "5", "--spare", "1", "--temperature", "1")
            run_qrm("beque", "candidates", queries, *how, *_seed(seed))
            write_rows(_told(to), feedback_of(read_rows(to, CandidateSet), typed))
        return to

    def _distilled(self, work: Path, teacher: Path, seed: int) -> None:
        if not (work / "distilled").is_dir():
            people = read_pairs(self.pairs, "train")
            write_rows(work / "pairs.jsonl", (*people, *self._heard()))
            how = ("--samples", "1", "--teacher-temperature", "0", "--rewrite-tokens", "32")
            told = ("--teacher", teacher, "--scratch", HALF, *how, *_TOKENS, *_seed(seed))
            run_qrm("rl-qr", "distill", work, *told, *DISTILLED, *ON_POLICY)

    def _heard(self) -> Iterator[RewritePair]:
        for name, most in HEARD.items():
            yield from spread(read_pairs(self.work / name, "train"), most)

    def _rule(self) -> WordRule:
        return WordRule(read_pairs(self.pairs, "train"))

    def _by_rule(self) -> Iterator[RewritePair]:
        """Yield needs without a search, and what the rule leaves of them; none that is held out."""
        rule = self._rule()
        held_out = typed_by_need(read_pairs(self.pairs, "test"))
        for row in read_rows(self._data / "instructions.jsonl", dict[str, str]):
            need = " ".join(row["instruction"].split())
            left = rule.rewrite(need)
            if need not in held_out and left and left != need:
                yield RewritePair(query=need, rewrite=left, source="rule", split="train")

    def _sft(self, work: Path, *words: str | Path) -> None:
        run_qrm("beque", "sft", work, *words, *_TOKENS, *ROOM)

    def _export(self, checkpoint: Path, target: Path) -> Path:
        if not target.is_dir():
            told = ("--checkpoint", checkpoint, *_to(target))
            run_qrm("beque", "export", checkpoint.parent, *told)
        return target


def _pairs_of(file: Path) -> Iterator[RewritePair]:
    for each in read_rows(file, CandidateSet):
        for one in each.candidates:
            yield RewritePair(query=each.query, rewrite=one.text, source="sft", split="train")


def _count(files: Iterable[Path]) -> int:
    """Count the pairs of files that are for training."""
    return sum(len(read_pairs(file, "train")) for file in files)


def _told(file: Path) -> Path:
    return file.with_suffix(".feedback.jsonl")


def _to(path: Path) -> tuple[str, Path]:
    return ("--to", path)


def _seed(seed: int) -> tuple[str, str]:
    return ("--seed", str(seed))

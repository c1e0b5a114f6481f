"""Trains rewriters of queries that share products; what is there is not trained again."""

from pathlib import Path
from typing import Final

from needs import read_pairs, spread

from qrmiddleware.distill.rewriting.row_files import write_rows
from qrmiddleware_benchmarks.fronts import run_qrm

LEAST: Final = "2"
"""Relevant products that two queries share."""
SPLIT: Final = ("--valid", "0", "--test", "0.1")
TAUGHT: Final = ("--rate", "3e-4", "--epochs", "2", "--batch", "16", "--at-once", "16")


class SharedProducts:
    """All that is trained of queries and their products.

    Args:
        data: Folder with ``queries.jsonl``.
        work: Where everything is kept.
        base: Checkpoint to begin with …
        known: … and pairs that it has learnt, of which as many are taught again as are new.
    """

    def __init__(self, data: Path, work: Path, base: Path, known: Path) -> None:
        self._data, self.work, self._base, self._known = data, work, base, known
        self.pairs = work / "pairs.jsonl"

    def train(self) -> dict[str, Path]:
        """Go through the stages; returns the generator of each."""
        work, taught = self.work, self.work / "sft"
        if not self.pairs.is_file():
            run_qrm(
                *("rl-qr", "pairs", self._data / "queries.jsonl", "--to", work),
                *("--least", LEAST, *SPLIT),
            )
        if not taught.is_dir():
            again, new = work / "again.jsonl", len(read_pairs(self.pairs, "train"))
            write_rows(again, spread(read_pairs(self._known, "train"), new))
            told = ("--to", work, "--prompts", "rewriting-short-1")
            run_qrm("beque", "instruct", self.pairs, again, *told)
            run_qrm("beque", "sft", work, "--base", self._base, *TAUGHT)
        model = work / "models" / "SFT"
        if not model.is_dir():
            run_qrm("beque", "export", work, "--to", model, "--checkpoint", taught)
        return {"SFT": model}

"""Trains rewriters of queries that share products; what is there is not trained again."""

import subprocess
from pathlib import Path
from typing import Final

from qrmiddleware_benchmarks.fronts import qrm

LEAST: Final = "2"
"""Relevant products that two queries share."""
SPLIT: Final = ("--valid", "0", "--test", "0.1")
SCRATCH: Final = "3000,3,128,4"
HALF: Final = "3000,2,64,4"
TAUGHT: Final = ("--rate", "2e-3", "--epochs", "6", "--batch", "16", "--at-once", "16")
DISTILLED: Final = ("--steps", "800", "--rate", "3e-3", "--batch", "16")
ON_POLICY: Final = ("--on-policy-steps", "60", "--on-policy-rate", "3e-4")


class SharedProducts:
    """All that is trained of queries and their products.

    Args:
        data: Folder with ``queries.jsonl``.
        work: Where everything is kept.
    """

    def __init__(self, data: Path, work: Path) -> None:
        self._data, self.work = data, work
        self.pairs = work / "pairs.jsonl"

    def train(self) -> dict[str, Path]:
        """Go through the stages; returns the generator of each."""
        work, taught = self.work, self.work / "sft"
        if not self.pairs.is_file():
            self._qrm(
                *("rl-qr", "pairs", self._data / "queries.jsonl", "--to", work),
                *("--least", LEAST, *SPLIT),
            )
        if not taught.is_dir():
            told = ("--to", work, "--prompts", "rewriting-short-1")
            self._qrm("beque", "instruct", self.pairs, *told)
            self._qrm("beque", "sft", work, "--scratch", SCRATCH, *TAUGHT)
        if not (work / "distilled").is_dir():
            told = ("--teacher", taught, "--scratch", HALF, *DISTILLED, *ON_POLICY)
            self._qrm("rl-qr", "distill", work, *told)
        models = {name: work / "models" / name for name in ("SFT", "distilled")}
        if not models["SFT"].is_dir():
            self._qrm("beque", "export", work, "--to", models["SFT"], "--checkpoint", taught)
        if not models["distilled"].is_dir():
            self._qrm("rl-qr", "student", work, "--to", models["distilled"])
        return models

    def _qrm(self, *words: str | Path) -> None:
        subprocess.run([qrm(), *map(str, words)], check=True)  # noqa: S603 our own command

"""Trains the students of both systems that learn from reasons; what is there stays as it is.

Their teacher has seen no judgment and no judged query, so that one training serves all folds.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

from engines import TEXT_FIELDS

from qrmiddleware_benchmarks.fronts import run_qrm

Weights: TypeAlias = dict[str, tuple[float, ...]]
"""Of a loss's parts, by the arm's name."""
FOLDS: Final = "0,1,2,3"
QUERIES: Final = 1500
WARM_STEPS: Final = 700
STEPS: Final = 150
LONG_STEPS: Final = 600
QUARTER: Final = ("--share", "0.25")
TOKENS: Final = 32
"""Of query and text together …"""
REASON_TOKENS: Final = 48
"""… and of a reason."""
_READING: Final = ("--max-tokens", f"{TOKENS}")
WARM: Final = (*f"--loss margin --layers 2 --steps {WARM_STEPS} --rate 2e-4".split(), *_READING)
"""Of what all cross-encoders begin with: two layers of MiniLM, and 64 pairs an update."""
CROSS: Final = (*["--layers", "2", "--rate", "2e-4", "--batch", "4"], *_READING)
"""Of what they learn then, from 32 pairs an update."""
READ: Final = (*CROSS, "--reason-tokens", f"{REASON_TOKENS}")
_SHORT: Final = ("--steps", f"{STEPS}")
_LONG: Final = ("--steps", f"{LONG_STEPS}")
_READ: Final = ("--max-tokens", "96")
_ELLM: Final[Weights] = {
    "hard": (1, 0, 0, 0),
    "kd": (1, 1, 0, 0),
    "scores": (1, 1, 1, 0),
    "mkd": (1, 1, 1, 0.5),
}
_ELLM_PARTS: Final = ("--hard", "--distribution", "--order", "--reasoning")
_CRSD: Final[Weights] = {
    "plain": (0, 0, 0),
    "augmented": (1, 0, 0),
    "distilled": (1, 1, 0),
    "whole": (1, 1, 0.2),
}
_CRSD_PARTS: Final = ("--augmented", "--distilled", "--aligned")
_TOWERS: Final = "ellm towers"


@dataclass(frozen=True, slots=True)
class Student:
    """An arm of the ablation.

    Attributes:
        name: In tables.
        plugin: That trains it, and serves it.
        command: Of the plugin.
        options: Beside those that all of its kind have.
    """

    name: str
    plugin: str
    command: str
    options: tuple[str, ...]


def students() -> Iterator[Student]:
    """Yield all arms of the ablations, each system's plainest first."""
    for kind in ("towers", "cross"):
        for name, weights in _ELLM.items():
            yield _ellm(kind, name, weights)
    for name, weights in _CRSD.items():
        yield _crsd(name, weights)
    yield _crsd("concluded", _CRSD["whole"], "--concluded")


def attempts() -> Iterator[Student]:
    """Yield what else was tried, so that reasons had every chance: longer, less, more weight."""
    for name in ("hard", "mkd"):
        yield _ellm("cross", f"{name} long", _ELLM[name], *_LONG)
        yield _ellm("towers", f"{name} quarter", _ELLM[name], *QUARTER)
    for kind in ("towers", "cross"):
        yield _ellm(kind, "mkd heavy", (1, 1, 1, 4))
    yield _ellm("towers", "mkd sharp", _ELLM["mkd"], "--temperature", "1")
    for name in ("plain", "whole"):
        yield _crsd(f"{name} long", _CRSD[name], *_LONG)
    yield _crsd("whole heavy", (1, 4, 1))


def _ellm(kind: str, name: str, weights: tuple[float, ...], *more: str) -> Student:
    words = (*_weights(_ELLM_PARTS, weights), *more)
    if kind == "towers":
        return Student(f"{_TOWERS} {name}", "ellm_rele", "two-tower", words)
    options = (*words, *CROSS, *(() if "--steps" in more else _SHORT))
    return Student(f"ellm cross {name}", "ellm_rele", "student", options)


def _crsd(name: str, weights: tuple[float, ...], *more: str) -> Student:
    steps = () if "--steps" in more else _SHORT
    options = (*_weights(_CRSD_PARTS, weights), *more, *READ, *steps)
    return Student(f"crsd {name}", "crsd", "student", options)


class Training:
    """All that is made of one catalogue.

    Args:
        data: Judgments and catalogue.
        work: Where everything is kept.
        url: Engine that holds the catalogue.
        index: In it.
    """

    def __init__(self, data: Path, work: Path, url: str, index: str) -> None:
        self._data = data
        self._engine = ("--url", url, "--index", index, "--search-fields", TEXT_FIELDS)
        self.work = work
        self.pairs = work / "work"
        self.minilm = work / "minilm"

    def gather(self) -> None:
        """Export the general bi-encoder; gather pairs, and what rules and vectors say of them."""
        if not self.minilm.is_dir():
            run_qrm("models", "export", "minilm", "--to", self.minilm, *_fields(), *_READ)
        if not (self.pairs / "gathered.json").is_file():
            options = ("--hold-out", FOLDS, "--queries", f"{QUERIES}", "--text-fields", TEXT_FIELDS)
            run_qrm("crsd", "gather", self._data, "--to", self.pairs, *self._engine, *options)
        self.label(self.pairs)

    def label(self, folder: Path, *reasoner: str) -> Path:
        """Label the folder's pairs by the joined teacher; returns the labels.

        Args:
            folder: With ``pairs.jsonl``, and what is labelled already.
            reasoner: Its options, if the folder has no reasons yet.
        """
        pairs, joined = folder / "pairs.jsonl", folder / "joined.labels.jsonl"
        reasons, near = folder / "reasons.labels.jsonl", folder / "minilm.labels.jsonl"
        if joined.is_file():
            return joined
        if not reasons.is_file():
            run_qrm("label", "reasoner", pairs, "--out", reasons, *reasoner)
        run_qrm("label", "student", pairs, "--student", self.minilm, "--out", near)
        run_qrm("label", "join", reasons, near, "--out", joined)
        return joined

    def warm(self) -> Path:
        """Train what cross-encoders begin with, by the teacher's margins; returns a checkpoint."""
        model = self.work / "models" / "warm"
        if not model.is_dir():
            told = ("--to", model, "--labels", self.label(self.pairs))
            run_qrm("walmart-kd", "student", self.pairs, *told, *WARM)
        return self.pairs / "students" / model.name

    def train(self, student: Student, seed: int) -> None:
        """Train one student with one seed."""
        model = self.model(student, seed)
        if model.is_dir():
            return
        base = ("--base", self.minilm if student.name.startswith(_TOWERS) else self.warm())
        told = (*student.options, "--seed", f"{seed}", "--labels")
        system = student.plugin.replace("_", "-")
        run_qrm(
            system, student.command, self.pairs, "--to", model, *base, *told, self.label(self.pairs)
        )

    def model(self, student: Student, seed: int) -> Path:
        """Return a student's folder."""
        return self.work / "models" / f"{student.name}-{seed}"

    def has(self, student: Student, seed: int) -> bool:
        """Tell whether a student is there, whole."""
        return self.model(student, seed).is_dir()

    def checkpoint(self, student: Student, seed: int) -> Path:
        """Return where torch reads a cross-encoder."""
        return self.pairs / "students" / self.model(student, seed).name


def _weights(parts: tuple[str, ...], weights: tuple[float, ...]) -> tuple[str, ...]:
    return tuple(
        word for part, weight in zip(parts, weights, strict=True) for word in (part, f"{weight:g}")
    )


def _fields() -> tuple[str, ...]:
    return ("--fields", TEXT_FIELDS)

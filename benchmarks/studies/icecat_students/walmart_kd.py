r"""Teachers and students on queries that they have never seen: what are they worth, and cost?

Trains them for every fold on the others, serves them through the proxy in front of Elasticsearch
and OpenSearch, and writes ``docs/walmart_kd_icecat.md``:

    uv run --all-packages --extra students --extra train \
        python benchmarks/studies/icecat_students/walmart_kd.py --data FOLDER --work FOLDER

The data is that of ``benchmarks/studies/icecat``. What is in the work folder already is not made
again. On two cores all of it takes some hours; ``--arms "towers margin"`` trains
one student a fold, and ``--seeds 3`` trains the two-tower students of each loss three times.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Final

import claims
import typer
from claims import Claim, is_first_seed, seeded
from engines import ANALYZERS, INDEX, filled, title_of
from measuring import BASELINE, ENGINE, Arm, measure, together
from walmart_kd_training import Training, arms_of_students

from qrmiddleware.evaluation.comparison import ArmScores, Evaluation, extremes
from qrmiddleware.evaluation.report.saved import read_json, write_json
from qrmiddleware.evaluation.report.wording import interval_text, signed_text, value_text
from qrmiddleware_benchmarks.engines import Engine

HERE: Final = Path(__file__).parent
PAGE: Final = HERE.parents[2] / "docs" / "walmart_kd_icecat.md"
FOLDS: Final = (0, 1, 2, 3)
MEASURES: Final = ("nDCG@10 condensed", "nDCG@10", "Judged@10")
SEEN: Final = {fold: tuple(other for other in FOLDS if other != fold) for fold in FOLDS}
WORST: Final = 12
CLAIMS: Final = (
    Claim("margins teach more than soft labels", "towers margin", "towers soft"),
    Claim("soft labels more than hard ones", "towers soft", "towers hard"),
    Claim("margins more than each score alone", "towers margin", "towers pointwise"),
    Claim("four times the data help", "towers margin 0.25", "towers margin 0.0625"),
    Claim("and four times more again", "towers margin", "towers margin 0.25"),
    Claim("a student passes the teacher trained on judgments", "towers margin", "teacher"),
    Claim("and what it has learnt from", "towers margin", "teacher + minilm"),
    Claim("learning helps it at all", "towers margin", "minilm"),
    Claim("margins teach cross-encoders more too", "cross margin", "cross soft"),
)
Student = tuple[str, tuple[str, ...]]
"""A name, and the command with its options that trains it."""


def main(
    data: Annotated[Path, typer.Option(help="Folder of the Icecat data.")],
    work: Annotated[Path, typer.Option(help="Folder for all that is made.")],
    arms: Annotated[str, typer.Option(help="Students to train, with commas; all without.")] = "",
    seeds: Annotated[int, typer.Option(help="To train each two-tower student with.")] = 1,
    measure_only: Annotated[bool, typer.Option(help="Train nothing more.")] = False,
) -> None:
    """Train, measure, and write the page."""
    wanted = tuple(filter(None, arms.split(",")))
    with filled(data) as engines:
        training = Training(data, work, engines["elasticsearch"].url, INDEX)
        students = list(_students(training.minilm(), wanted, seeds))
        if not measure_only:
            train(training, students)
        for name, engine in engines.items():
            found = evaluate_all(training, data, engine, work / "measured" / name, students)
            write_json(found, work / "measured" / f"{name}.json")
    write_page(work)


def write_page(work: Path) -> None:
    """Write the page from what was measured."""
    pages = [
        section(
            title_of(name),
            read_json(work / "measured" / f"{name}.json"),
        )
        for name in ANALYZERS
    ]
    head = (HERE / "walmart_kd_page.md").read_text(encoding="utf-8")
    PAGE.write_text("\n".join([head.strip(), "", *pages]).strip() + "\n", encoding="utf-8")


def train(training: Training, students: Sequence[Student]) -> None:
    """Train what is missing, teachers first."""
    warm = training.warm(FOLDS)
    for fold in FOLDS:
        training.teacher(fold, warm)
    for name, (command, *options) in students:
        for fold in FOLDS:
            training.student(fold, name, command, *options)


def evaluate_all(
    training: Training, data: Path, engine: Engine, folder: Path, students: Sequence[Student]
) -> Evaluation:
    """Measure every fold with the models that have not seen it, and join them."""
    parts = [
        measure(
            list(_arms(training, fold, students)),
            data=data,
            engine=engine.url,
            index=INDEX,
            fold=fold,
            folder=folder / f"fold-{fold}",
        )
        for fold in FOLDS
    ]
    return together("Icecat, cross-validated", parts)


def _arms(training: Training, fold: int, students: Sequence[Student]) -> Iterator[Arm]:
    models, seen = training.work / "models", SEEN[fold]
    minilm = {"model": str(models / "minilm")}
    teacher = {"model": str(models / f"teacher-{fold}"), "reward": "logit"}
    yield Arm(BASELINE)
    yield Arm("minilm", (minilm,))
    yield Arm("minilm blend", ({**minilm, "weight": 1 - ENGINE},), ENGINE)
    yield Arm("teacher", (teacher,), seen_folds=seen)
    both = (teacher, minilm)
    yield Arm("teacher + minilm", both, seen_folds=seen)
    half = tuple({**each, "weight": (1 - ENGINE) / 2} for each in both)
    yield Arm("teacher + minilm blend", half, ENGINE, seen)
    for name, (command, *_) in students:
        student = {"model": str(models / f"{name}-{fold}")}
        if command == "student":
            student["reward"] = "logit"
        yield Arm(name, (student,), seen_folds=seen)
        if name.endswith(" margin"):
            yield Arm(f"{name} blend", ({**student, "weight": 1 - ENGINE},), ENGINE, seen)
    cross = {"model": str(models / f"cross margin-{fold}"), "keep": 25}
    if (models / f"cross margin-{fold}").is_dir():
        first = str(models / f"towers margin-{fold}")
        yield Arm("cascade", ({**cross, "first": first},), seen_folds=seen)


def section(title: str, found: Evaluation) -> str:
    """Write one engine's part of the page."""
    head = ["arm", *MEASURES, "against direct, condensed", "p50 ms", "p95 ms"]
    lines = [f"## {title}", "", f"| {' | '.join(head)} |", "|---|" + "---:|" * (len(head) - 1)]
    for arm in found.arms:
        if not is_first_seed(arm):
            continue
        values = [value_text(arm.means[measure]) for measure in MEASURES]
        times = [f"{arm.latency_ms[name]:.0f}" for name in ("p50", "p95")]
        cells = [arm.name, *values, _against(found, arm), *times]
        lines.append(f"| {' | '.join(cells)} |")
    lines += [
        "",
        "What is claimed, and what is found:",
        "",
        *claims.table(found, CLAIMS, MEASURES[0]),
    ]
    lines += ["", *_worst(found, "towers margin"), ""]
    return "\n".join(lines)


def _against(found: Evaluation, arm: ArmScores) -> str:
    for one in found.differences:
        if one.arm == arm.name and one.measure == MEASURES[0]:
            return f"{signed_text(one.difference)} ({interval_text(one)})"
    return ""


def _worst(found: Evaluation, name: str) -> Iterator[str]:
    """List the queries that a student harms most, for people to look at."""
    arm = next((arm for arm in found.arms if arm.name == name), None)
    if arm is None:
        return
    _, lost = extremes(found.judged, found.arms[0], arm, MEASURES[0], count=WORST)
    told = (
        f"{each.query.text} {value_text(each.baseline)} → {value_text(each.value)}" for each in lost
    )
    yield f"The queries that `{name}` harms most, {MEASURES[0]}: {'; '.join(told)}."


def _students(base: Path, wanted: Sequence[str], seeds: int) -> Iterator[Student]:
    """Yield the students' names, and how to train each: one-seeded ones, then other seeds."""
    chosen = [each for each in arms_of_students(base) if not wanted or each[0] in wanted]
    yield from chosen
    for seed in range(1, seeds):
        for name, command in chosen:
            if name.startswith("towers ") and "--share" not in command:
                yield seeded(name, seed), (*command, "--seed", f"{seed}")


if __name__ == "__main__":
    typer.run(main)

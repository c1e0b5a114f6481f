"""What a run has found, and the file in which it is kept."""

from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from qrmiddleware_benchmarks.machine import Machine
from qrmiddleware_benchmarks.students.arms import Plan
from qrmiddleware_benchmarks.students.bootstrap import Interval
from qrmiddleware_benchmarks.students.costs import Precision
from qrmiddleware_benchmarks.students.errors import StudentsError
from qrmiddleware_benchmarks.students.parity import Agreement
from qrmiddleware_benchmarks.students.peaks import Peak
from qrmiddleware_benchmarks.students.shapes import Shape, Task


@dataclass(frozen=True, slots=True)
class ArmFigures:
    """One arm's figures for one workload.

    Attributes:
        arm: Runtime and precision, for people.
        precision: Of the weights.
        plan: The fastest way to use the cores, found before the timing.
        runs: Batches that were timed.
        min_ms: Of a batch, from token ids to numbers.
        p50_ms: Median.
        p95_ms: Little more than the maximum where ``runs`` are few.
        ratio: Of the median over the first arm's.
        rows_per_s: Rows over all the time spent.
        agreement: With torch in float32.
        size_bytes: What the batch must move at least, see ``costs``.
    """

    arm: str
    precision: Precision
    plan: Plan
    runs: int
    min_ms: float
    p50_ms: Interval
    p95_ms: Interval
    ratio: Interval
    rows_per_s: float
    agreement: Agreement
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Cell:
    """All arms for one student, one workload and so many cores.

    Attributes:
        student: Name of the shape, or of the checkpoint.
        task: What was asked.
        rows: Pairs, queries or prompts a batch.
        tokens: A row's, on average.
        cores: That each arm could use.
        flops: That the batch needs.
        arms: In order; the first is what the others are compared with.
    """

    student: str
    task: Task
    rows: int
    tokens: int
    cores: int
    flops: int
    arms: tuple[ArmFigures, ...]

    @property
    def key(self) -> tuple[str, Task, int, int, int]:
        """What makes it the same measurement."""
        return self.student, self.task, self.rows, self.tokens, self.cores


@dataclass(frozen=True, slots=True)
class Report:
    """One run, or several of the same machine and course.

    Attributes:
        date: When, in UTC, ISO 8601.
        smoke: Whether it was too short to mean anything.
        device: ``cpu`` or ``cuda``.
        seed: Of weights and token ids.
        rounds: In which the arms took turns.
        slice_s: Least time of an arm's turn.
        stolen: Share of the processor time that the host took for others.
        machine: Where.
        students: Their shapes.
        peaks: One a number of cores.
        cells: One a measurement.
    """

    date: str
    smoke: bool
    device: str
    seed: int
    rounds: int
    slice_s: float
    stolen: float
    machine: Machine
    students: tuple[Shape, ...]
    peaks: tuple[Peak, ...]
    cells: tuple[Cell, ...]

    def share_of_peak(self, cell: Cell, arm: ArmFigures) -> float | None:
        """Divide the operations needed by what the peak does in a median's time.

        None where the peak of the arm's precision was not measured.
        """
        peak = self._peak(cell).ops_per_s(arm.precision)
        return cell.flops / (arm.p50_ms.value / 1e3) / peak if peak else None

    def share_of_bandwidth(self, cell: Cell, arm: ArmFigures) -> float:
        """Divide the bytes to move by what a copy moves in a median's time."""
        return arm.size_bytes / (arm.p50_ms.value / 1e3) / self._peak(cell).bytes_per_s

    def _peak(self, cell: Cell) -> Peak:
        return next(peak for peak in self.peaks if peak.cores == cell.cores)


_FILE = TypeAdapter(Report)


def write_report(report: Report, path: Path) -> None:
    """Write JSON that ``read_report`` reads."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(_FILE.dump_json(report, indent=1) + b"\n")


def read_report(path: Path) -> Report:
    """Read what ``write_report`` wrote.

    Raises:
        StudentsError: If the file is not there, or holds something else.
    """
    try:
        return _FILE.validate_json(path.read_bytes())
    except OSError as error:
        message = f"{path} cannot be read: {error.strerror}"
        raise StudentsError(message) from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        message = f"{path} is no report about students: {where}: {first['msg']}"
        raise StudentsError(message) from error


def merged(kept: Report, new: Report) -> Report:
    """Add a run to another; where both measured the same, the new one counts.

    Raises:
        StudentsError: If the two differ in more than what they measured.
    """
    for name in ("machine", "device", "smoke", "seed", "rounds", "slice_s"):
        was, is_now = getattr(kept, name), getattr(new, name)
        if was != is_now:
            message = f"runs with different {name} do not go together: {was} and {is_now}"
            raise StudentsError(message)
    cells = {cell.key: cell for cell in (*kept.cells, *new.cells)}
    students = {(shape.name, shape.task): shape for shape in (*kept.students, *new.students)}
    peaks = {peak.cores: peak for peak in (*kept.peaks, *new.peaks)}
    return replace(
        new,
        stolen=max(kept.stolen, new.stolen),
        students=tuple(students.values()),
        peaks=tuple(peaks[cores] for cores in sorted(peaks)),
        cells=tuple(cells.values()),
    )

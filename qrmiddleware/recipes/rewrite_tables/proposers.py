"""Who proposes rewrites: a generator, or a file of what any other has proposed."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol, Self

from qrmiddleware.distill.rewriting.guards import same_query
from qrmiddleware.distill.rewriting.row_files import read_rows
from qrmiddleware.distill.rewriting.rows import Candidate, CandidateSet
from qrmiddleware.students.manifest import Kind
from qrmiddleware.students.team import count_cores

if TYPE_CHECKING:
    from qrmiddleware.students.generator import DecodingOptions, Generator

_KIND: Final[tuple[Kind]] = ("generator",)
_MOST_WAITING = 10**9
"""Nobody searches meanwhile: no backlog is too long."""


class Proposer(Protocol):
    """Proposes rewrites of queries."""

    @property
    def by(self) -> str:
        """Who it is: changes with everything that its proposals depend on."""

    def propose(self, queries: Sequence[str]) -> Sequence[Sequence[Candidate]]:
        """Return the candidates of each query, best first; none where there are none."""

    def close(self) -> None:
        """Let go of what it holds."""


class GeneratorProposer:
    """A generator student, asked on all cores; it needs no torch.

    Args:
        generator: Open; closed with this.
        fingerprint: Of its folder (``students.folder.student_hash``).
        options: How it looks for rewrites.
    """

    def __init__(
        self, generator: "Generator", fingerprint: str, options: "DecodingOptions"
    ) -> None:
        self._generator, self._options = generator, options
        told = sha256(f"{fingerprint} {options!r}".encode()).hexdigest()
        self.by = f"generator:{generator.manifest.name}:{told[:12]}"

    @classmethod
    def open(cls, folder: Path, options: "DecodingOptions", *, threads: int = 0) -> Self:
        """Open the generator of a folder.

        Args:
            folder: Of the student.
            options: How it looks for rewrites.
            threads: Queries at a time; as many as there are cores if 0.

        Raises:
            ConfigError: If there is none.
        """
        # The students' extra is not everybody's.
        from qrmiddleware.students.folder import read_student, student_hash  # noqa: PLC0415
        from qrmiddleware.students.generator import Generator  # noqa: PLC0415
        from qrmiddleware.students.settings import RuntimeSettings  # noqa: PLC0415

        settings = RuntimeSettings(max_waiting=_MOST_WAITING, inter_threads=threads)
        generator = Generator.open(folder, settings)
        return cls(generator, student_hash(read_student(folder, expect=_KIND)), options)

    def propose(self, queries: Sequence[str]) -> Sequence[Sequence[Candidate]]:
        """Let it write rewrites.

        Raises:
            ValueError: If its log-probabilities are no numbers.
        """
        with ThreadPoolExecutor(count_cores()) as pool:
            return list(pool.map(self._one, queries))

    def _one(self, query: str) -> Sequence[Candidate]:
        written = self._generator.generate(query, self._options)
        return [
            Candidate(text=each.text, log_probability=round(each.log_probability, 6))
            for each in written
        ]

    def close(self) -> None:
        """Free the model."""
        self._generator.close()


class FileProposer:
    """What stands in a file of candidates, by whomever; of several lines of a query the last.

    Args:
        path: JSON lines with query and candidates.

    Raises:
        ConfigError: If the file cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self._found: dict[str, tuple[Candidate, ...]] = {}
        told = sha256()
        for row in read_rows(path, CandidateSet):
            self._found[same_query(row.query)] = row.candidates
            told.update(f"{row.query}\0{row.candidates!r}\0".encode(errors="replace"))
        self.by = f"file:{path.name}:{told.hexdigest()[:12]}"

    def propose(self, queries: Sequence[str]) -> Sequence[Sequence[Candidate]]:
        """Look queries up by what their spellings share."""
        return [self._found.get(same_query(query), ()) for query in queries]

    def close(self) -> None:
        """Let go of nothing."""

"""A build of a rewrite table as it is told on a command line; can be pickled."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from qrmiddleware.errors import ConfigError
from qrmiddleware.recipes.feedback.settings import SystemSettings
from qrmiddleware.recipes.query_log import LogTally, read_log
from qrmiddleware.recipes.rewrite_tables.building import BuildReport, Watch, Work, build_table
from qrmiddleware.recipes.rewrite_tables.choosing import Choosing
from qrmiddleware.recipes.rewrite_tables.importing import Target
from qrmiddleware.recipes.rewrite_tables.proposers import (
    FileProposer,
    GeneratorProposer,
    Proposer,
)
from qrmiddleware.recipes.weak_queries import SearchedQuery, read_weak
from qrmiddleware.students.generator.options import DecodingOptions


@dataclass(frozen=True, slots=True)
class BuildSettings:
    """What makes a build.

    Attributes:
        weak: What ``find_weak`` wrote; or a plain file of queries, one a line.
        work: Folder of this table's builds.
        target: Where the table is.
        system: Who gives feedback.
        generator: Folder of the student that proposes; or
        candidates: file of what another has proposed.
        decoding: How the generator looks for rewrites.
        choosing: What rewrites must bring.
        workers: That propose; as many as there are cores if 0.
        refresh: Propose and search anew what is known, too.
    """

    weak: Path
    work: Path
    target: Target
    system: SystemSettings
    generator: Path | None = None
    candidates: Path | None = None
    decoding: DecodingOptions = field(default_factory=DecodingOptions)
    choosing: Choosing = field(default_factory=Choosing)
    workers: int = 0
    refresh: bool = False

    def queries(self) -> list[SearchedQuery]:
        """Read the weak queries.

        Raises:
            ConfigError: If the file cannot be read.
        """
        if self.weak.name.removesuffix(".gz").endswith((".jsonl", ".ndjson")):
            return list(read_weak(self.weak))
        texts = dict.fromkeys(
            " ".join(each.text.split()) for each in read_log(self.weak, LogTally())
        )
        return [SearchedQuery(query=text) for text in texts]

    def proposer(self, *, threads: int = 0) -> Proposer:
        """Open who proposes.

        Args:
            threads: Of a generator, one query each.

        Raises:
            ConfigError: If nobody does, or both are told.
        """
        if self.generator is not None and self.candidates is None:
            return GeneratorProposer.open(self.generator, self.decoding, threads=threads)
        if self.candidates is not None and self.generator is None:
            return FileProposer(self.candidates)
        message = "say who proposes rewrites: either --generator or --candidates"
        raise ConfigError(message)

    @contextmanager
    def proposing(self, *, threads: int = 0) -> Iterator[Proposer]:
        """Open who proposes until the end of the block; errors are those of ``proposer``."""
        opened = self.proposer(threads=threads)
        try:
            yield opened
        finally:
            opened.close()


def build_here(settings: BuildSettings, watch: Watch) -> BuildReport:
    """Build a table on this machine.

    Raises:
        ConfigError: If a setting makes no sense, or the table cannot be written.
        GivenUpError: If too many queries in a row failed.
    """
    with settings.proposing(threads=settings.workers) as proposer, settings.system.open() as system:
        return build_table(
            Work(settings.work),
            settings.queries(),
            proposer,
            system,
            choosing=settings.choosing,
            target=settings.target,
            refresh=settings.refresh,
            watch=watch,
        )

"""An offline system as it is told on a command line: opened here, or in another process."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from qrmiddleware.distill.rewriting.guards import GuardOptions
from qrmiddleware.errors import ConfigError
from qrmiddleware.evaluation.collection import JudgedQueries
from qrmiddleware.evaluation.formats.registry import load_judged
from qrmiddleware.recipes.feedback.engine import engine_arm
from qrmiddleware.recipes.feedback.giving import System
from qrmiddleware.recipes.feedback.judges import (
    JudgingStudent,
    JudgmentsOf,
    Nobody,
    RelevanceJudge,
)
from qrmiddleware.recipes.feedback.offline import OfflineOptions
from qrmiddleware.recipes.feedback.reached import reached_by_query


@dataclass(frozen=True, slots=True)
class SystemSettings:
    """What makes an offline system; can be pickled.

    Attributes:
        url: Of the engine, or of a qrm proxy.
        index: To search.
        fields: For a ``multi_match``.
        body: Search body instead.
        operator: Of the ``multi_match``.
        pipeline: Of a qrm proxy.
        api_key_env: Environment variable that holds an API key.
        ca_certs: PEM file of who vouches for the engine.
        judgments: Say what is relevant; or
        student: scores what is relevant.
        min_score: Of what is relevant to a student.
        text_fields: That it reads.
        needs_judge: Whether there must be one.
        reached: What users got elsewhere.
        offline: How the engine is searched.
        guards: What rewrites must be.
        version: Of what cannot be seen from outside.
        give_up_after: Queries in a row that fail.
    """

    url: str
    index: str
    fields: tuple[str, ...] = ()
    body: Path | None = None
    operator: str = ""
    pipeline: str = ""
    api_key_env: str = ""
    ca_certs: Path | None = None
    judgments: Path | None = None
    student: Path | None = None
    min_score: float = 0.5
    text_fields: tuple[str, ...] = ()
    needs_judge: bool = True
    reached: Path | None = None
    offline: OfflineOptions = field(default_factory=OfflineOptions)
    guards: GuardOptions = field(default_factory=GuardOptions)
    version: str = ""
    give_up_after: int = 10

    @contextmanager
    def open(self) -> Iterator[System]:
        """Open the judge, and put the system together.

        Raises:
            ConfigError: If something is missing, or does not go together.
            FormatError: If judgments or what users got cannot be read.
        """
        arm = engine_arm(
            self.url,
            self.index,
            fields=self.fields,
            body=self.body,
            operator=self.operator,
            pipeline=self.pipeline,
            api_key_env=self.api_key_env,
            ca_certs=self.ca_certs,
        )
        with self._judging() as (judge, judged):
            yield System(
                arm,
                judge,
                self.offline,
                self.guards,
                reached_by_query(self.reached, judged) if self.reached else {},
                self.version,
                self.give_up_after,
            )

    @contextmanager
    def _judging(self) -> Iterator[tuple[RelevanceJudge, JudgedQueries | None]]:
        judge: RelevanceJudge
        judged = None
        if self.judgments is not None and self.student is None:
            judged = load_judged(self.judgments)
            judge = JudgmentsOf(judged, self.judgments.stem)
        elif self.student is not None and self.judgments is None:
            judge = JudgingStudent.open(
                self.student, min_score=self.min_score, text_fields=self.text_fields
            )
        elif not self.needs_judge and self.judgments is None:
            judge = Nobody()
        else:
            message = "say who judges what is relevant: either --judgments or --student"
            raise ConfigError(message)
        try:
            yield judge, judged
        finally:
            judge.close()

"""What plugins have in common that score a search's window with a student."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from statistics import median
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from qrmiddleware.hooks import hookimpl
from qrmiddleware.hooks.patience import patience
from qrmiddleware.model import Hit, Query
from qrmiddleware.students.scoring_options import ScoringOptions

if TYPE_CHECKING:
    from qrmiddleware.students.scoring import Opinion, Scoring


class JudgeOptions(ScoringOptions):
    """Options of every plugin that judges with a student."""

    min_score: Annotated[float, Field(ge=-1, le=1)] | None = None
    """Hits with a lower score are flagged where this stands in ``filters``."""


class StudentJudge:
    """Scores hits with a student, and flags those below a floor.

    Plugins inherit from it, and say with ``Settings`` which options they have beside these.
    """

    Settings = JudgeOptions

    logits = False
    """Rewards are logits in place of scores."""

    def __init__(self, settings: JudgeOptions) -> None:
        self._floor = settings.min_score
        self._options = settings
        self._loans = ExitStack()
        self._scoring: Scoring | None = None

    @hookimpl
    def qrm_startup(self) -> None:
        """Open the students.

        Raises:
            ConfigError: If a student is missing, damaged, or of a kind that cannot do what is set.
        """
        from qrmiddleware.students.scoring import open_scoring  # noqa: PLC0415 loads numpy

        with ExitStack() as loans:
            scoring = open_scoring(self._options, loans)
            self.check(scoring)
            self._scoring = scoring
            self._loans = loans.pop_all()

    def check(self, scoring: "Scoring") -> None:
        """Look at what was opened, before anything is asked.

        Raises:
            ConfigError: If it cannot do what is set.
        """

    @hookimpl
    def qrm_shutdown(self) -> None:
        """Let go of the students."""
        self._scoring = None
        self._loans.close()

    @hookimpl
    def qrm_status(self) -> Mapping[str, object] | None:
        """Say which students are open, on which device, and what they did."""
        return None if self._scoring is None else self._scoring.status()

    @hookimpl
    def qrm_filter(self, query: Query, hits: Sequence[Hit]) -> Sequence[bool] | None:
        """Flag what scores below the floor; a hit without text keeps its place."""
        floor = self._floor
        if floor is None:
            return None
        opinions = self._judge(query, hits)
        if not any(opinions):
            return None
        return [
            opinion is None or not opinion.firm or opinion.score >= floor for opinion in opinions
        ]

    @hookimpl
    def qrm_reward(self, query: Query, hits: Sequence[Hit]) -> Sequence[float] | None:
        """Score the window; a hit without text is rewarded as the middle of the others."""
        opinions = self._judge(query, hits, logits=self.logits)
        scores = [opinion.score for opinion in opinions if opinion is not None]
        if not scores:
            return None
        middle = median(scores)
        return [middle if opinion is None else opinion.score for opinion in opinions]

    @hookimpl
    def qrm_explain(
        self, query: Query, hits: Sequence[Hit]
    ) -> Sequence[Mapping[str, object] | None] | None:
        """Say each hit's score and class, and the verdicts of a student that has aspects."""
        scoring = self._opened()
        if not query.text.strip():
            return None
        explained = scoring.explain(query.text, hits, wanted=patience().wanted)
        floor = {} if self._floor is None else {"min_score": self._floor}
        return [None if each is None else {**each, **floor} for each in explained]

    def _judge(
        self, query: Query, hits: Sequence[Hit], *, logits: bool = False
    ) -> "list[Opinion | None]":
        scoring = self._opened()
        if not query.text.strip():
            return [None] * len(hits)
        return scoring.judge(query.text, hits, wanted=patience().wanted, logits=logits)

    def _opened(self) -> "Scoring":
        if self._scoring is None:
            problem = "asked before qrm_startup, or after qrm_shutdown"
            raise RuntimeError(problem)
        return self._scoring

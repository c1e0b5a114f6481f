"""The plugin: scores a search's window with a student, and says what falls below a floor."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from statistics import median
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from qrmiddleware import ConfigError, Hit, Query, hookimpl, patience
from qrmiddleware.students.scoring_options import ScoringOptions

if TYPE_CHECKING:
    from qrmiddleware.students.manifest import Manifest
    from qrmiddleware.students.scoring import Opinion, Scoring


class WalmartKd:
    """Scores hits with a student distilled from a large model's judgment of relevance."""

    class Settings(ScoringOptions):
        """Options of ``plugin: walmart_kd``."""

        min_score: Annotated[float, Field(ge=-1, le=1)] | None = None
        """Hits with a lower score are flagged where this stands in ``filters``."""

        reward: Literal["score", "logit"] = "score"
        """What a reward is: the score, or the logit in which margins were trained."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
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
            self._scoring = open_scoring(self._settings, loans)
            self._check_reward(self._scoring.model.manifest)
            self._loans = loans.pop_all()

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
        floor = self._settings.min_score
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
        opinions = self._judge(query, hits, logits=self._settings.reward == "logit")
        scores = [opinion.score for opinion in opinions if opinion is not None]
        if not scores:
            return None
        middle = median(scores)
        return [middle if opinion is None else opinion.score for opinion in opinions]

    def _check_reward(self, model: "Manifest") -> None:
        options = self._settings
        if options.reward == "logit" and (model.kind != "cross_encoder" or model.labels):
            labels = f" with {len(model.labels)} classes" if model.labels else ""
            problem = (
                f"`reward: logit` needs a cross_encoder with a single logit, and {options.model} "
                f"holds a {model.kind}{labels}: leave it out"
            )
            raise ConfigError(problem)

    def _judge(
        self, query: Query, hits: Sequence[Hit], *, logits: bool = False
    ) -> "list[Opinion | None]":
        if self._scoring is None:
            problem = "asked before qrm_startup, or after qrm_shutdown"
            raise RuntimeError(problem)
        if not query.text.strip():
            return [None] * len(hits)
        return self._scoring.judge(query.text, hits, wanted=patience().wanted, logits=logits)

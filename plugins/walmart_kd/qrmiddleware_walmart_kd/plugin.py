"""The plugin: scores a search's window with a student, and says what falls below a floor."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Annotated, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from qrmiddleware import Hit, Query, hookimpl, patience
from qrmiddleware.students.settings import RuntimeSettings

if TYPE_CHECKING:
    from qrmiddleware_walmart_kd.scoring import Opinion, Scoring

_DEFAULT_KEEP: Final = 25


class WalmartKd:
    """Scores hits with a student distilled from a large model's judgment of relevance."""

    class Settings(BaseModel):
        """Options of ``plugin: walmart_kd``."""

        model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

        model: Path
        """Folder of the student that decides: a cross-encoder, or a bi-encoder."""

        first: Path | None = None
        """Folder of a cheaper student that looks at all hits; ``model`` then sees the best only."""

        keep: Annotated[int, Field(ge=1, le=10_000)] = _DEFAULT_KEEP
        """Hits that ``model`` sees behind ``first``; they stand above all others."""

        min_score: Annotated[float, Field(ge=-1, le=1)] | None = None
        """Hits with a lower score are flagged where this stands in ``filters``."""

        reward: Literal["score", "logit"] = "score"
        """What a reward is: the score, or the logit in which margins were trained."""

        fields: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
        """Fields of a hit that are read, in order; those of the student's manifest without."""

        vector_field: str | None = None
        """Field that holds a hit's vector, made by the bi-encoder beforehand."""

        runtime: RuntimeSettings = RuntimeSettings()
        """Device, threads, batches and bounds, of each student."""

        @field_validator("fields", mode="before")
        @classmethod
        def _one_or_many(cls, value: object) -> object:
            return (value,) if isinstance(value, str) else value

        @model_validator(mode="after")
        def _keep_goes_with_first(self) -> Self:
            if self.first is None and "keep" in self.model_fields_set:
                message = "'keep' says what 'model' sees behind 'first': give 'first' too"
                raise ValueError(message)
            return self

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
        from qrmiddleware_walmart_kd.opening import open_scoring  # noqa: PLC0415 loads numpy

        with ExitStack() as loans:
            self._scoring = open_scoring(self._settings, loans)
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

    def _judge(
        self, query: Query, hits: Sequence[Hit], *, logits: bool = False
    ) -> "list[Opinion | None]":
        if self._scoring is None:
            problem = "asked before qrm_startup, or after qrm_shutdown"
            raise RuntimeError(problem)
        if not query.text.strip():
            return [None] * len(hits)
        return self._scoring.judge(query.text, hits, wanted=patience().wanted, logits=logits)

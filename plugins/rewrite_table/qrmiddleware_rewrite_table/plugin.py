"""The plugin: looks rewrites up, and notes what it did not find."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from qrmiddleware import Query, Rewrite, Trace, hookimpl
from qrmiddleware_rewrite_table.address import DEFAULT_PREFIX, Address
from qrmiddleware_rewrite_table.misses import MissLog
from qrmiddleware_rewrite_table.normalise import normalise

LEAST_WEIGHT: Final = 0.01
"""What a rewrite with a score of zero or below weighs: a weight is above 0."""


class RewriteTable:
    """Proposes the rewrites that a table holds for the query."""

    class Settings(BaseModel):
        """Options of ``plugin: rewrite_table``."""

        model_config = ConfigDict(
            extra="forbid", frozen=True, hide_input_in_errors=True, use_attribute_docstrings=True
        )

        path: Path | None = None
        """The table's SQLite file, made by ``qrm table import``; either this or ``redis``."""

        redis: SecretStr | None = None
        """``redis://``, ``rediss://`` or ``unix://`` URL of the Redis that holds the table."""

        redis_prefix: Annotated[str, Field(min_length=1)] = DEFAULT_PREFIX
        """What the table's keys in Redis begin with."""

        redis_password_env: str = ""
        """Name of the environment variable with the password of Redis, if it is not in the URL."""

        redis_timeout_ms: Annotated[int, Field(ge=1, le=60_000)] = 50
        """How long Redis may take to connect, and to answer."""

        limit: Annotated[int, Field(ge=1, le=100)] = 3
        """Rewrites per query, best first."""

        min_score: Annotated[float, Field(allow_inf_nan=False)] | None = None
        """Rewrites with a lower score are left out."""

        weight: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1.0
        """A rewrite's weight is this times its score, kept between 0.01 and 1."""

        misses: Path | None = None
        """Where to log the queries that the table does not know, one JSON line each."""

        misses_max_bytes: Annotated[int, Field(ge=1024)] = 10_000_000
        """Size at which the log of misses is renamed to ``PATH.1`` and begun anew."""

        @model_validator(mode="after")
        def _one_table(self) -> "RewriteTable.Settings":
            if (self.path is None) == (self.redis is None):
                message = "give either 'path' (an SQLite file) or 'redis' (a URL)"
                raise ValueError(message)
            return self

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._table = Address(
            settings.redis.get_secret_value() if settings.redis else str(settings.path),
            prefix=settings.redis_prefix,
            password_env=settings.redis_password_env,
            timeout_ms=settings.redis_timeout_ms,
        ).open()
        self._misses: MissLog | None = None
        if settings.misses:
            self._misses = MissLog(settings.misses, max_bytes=settings.misses_max_bytes)

    @property
    def instant(self) -> bool:
        """Whether an answer takes microseconds: from a file that the machine has in memory."""
        return self._settings.path is not None

    @hookimpl
    def qrm_startup(self) -> None:
        """Check the table and the log.

        Raises:
            ConfigError: If the table is missing, damaged, or made with another normalisation, or
                the log of misses cannot be written.
        """
        self._table.check()
        if self._misses:
            self._misses.check()

    @hookimpl
    def qrm_shutdown(self) -> None:
        """Close the table."""
        self._table.close()

    @hookimpl
    def qrm_rewrite(self, query: Query) -> Sequence[Rewrite] | None:
        """Look the query up."""
        least = self._settings.min_score
        found = self._table.find(query.text, limit=self._settings.limit)
        rewrites = [
            Rewrite(text, weight=self._weigh(score), note=f"score {score:g}")
            for text, score in found
            if least is None or score >= least
        ]
        return rewrites or None

    @hookimpl
    def qrm_observe(self, trace: Trace) -> None:
        """Log the query if the table does not know it."""
        if self._misses is None or not trace.query.text:
            return
        if not self._table.find(trace.query.text, limit=1):
            self._misses.add(trace.query, key=normalise(trace.query.text))

    def _weigh(self, score: float) -> float:
        return min(1.0, max(LEAST_WEIGHT, self._settings.weight * score))

"""The plugin: rewrites with a small student, or with one of several versions of it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

from pydantic import Field, model_validator

from qrmiddleware import Query, Rewrite, Trace, hookimpl
from qrmiddleware.rewriting import GeneratorOptions, GeneratorRewriter, RewritingOptions
from qrmiddleware_rl_qr.versions.trials import TrialOptions, VersionedRewriter


class RlQr:
    """Proposes what a light student writes that goes on learning."""

    class Settings(RewritingOptions):
        """Options of ``plugin: rl_qr``."""

        model: Path | None = None
        """Folder of the generator; either this or ``versions``."""

        versions: Path | None = None
        """Folder with versions of the generator, as ``qrm rl-qr versions`` makes it."""

        watch_s: Annotated[float, Field(gt=0, le=3600)] = 2.0
        """How often the versions' state is looked at, and evidence of a trial written down."""

        roll_back: bool = True
        """End a trial by itself when the canary is worse."""

        tolerated: Annotated[float, Field(ge=1, le=100)] = 1.1
        """As many times what serves may a canary find nothing or fail, or less often help."""

        alpha: Annotated[float, Field(gt=0, lt=1)] = 0.01
        """Chance that a canary within what is tolerated is rolled back in its trial."""

        min_queries: Annotated[int, Field(ge=1)] = 100
        """Different queries that a canary answers before it is judged."""

        @model_validator(mode="after")
        def _one_or_many(self) -> "RlQr.Settings":
            if (self.model is None) == (self.versions is None):
                message = "give either 'model' (one generator) or 'versions' (a folder of them)"
                raise ValueError(message)
            return self

    def __init__(self, settings: Settings) -> None:
        self._rewriter: GeneratorRewriter | VersionedRewriter
        if settings.versions is None:
            mine = settings.model_dump(include=set(GeneratorOptions.model_fields))
            self._rewriter = GeneratorRewriter(GeneratorOptions.model_validate(mine))
            return
        options = TrialOptions(
            watch_s=settings.watch_s,
            roll_back=settings.roll_back,
            tolerated=settings.tolerated,
            alpha=settings.alpha,
            min_queries=settings.min_queries,
        )
        self._rewriter = VersionedRewriter(settings.versions, settings, options)

    @hookimpl
    def qrm_startup(self) -> None:
        """Open the generator, or the versions that the state names.

        Raises:
            ConfigError: If what has to serve is missing, damaged, or cannot do what is set.
        """
        self._rewriter.qrm_startup()

    @hookimpl
    def qrm_shutdown(self) -> None:
        """Let go of every generator."""
        self._rewriter.qrm_shutdown()

    @hookimpl
    def qrm_status(self) -> Mapping[str, object] | None:
        """Say what is open, how it does, and how the trial stands."""
        return self._rewriter.qrm_status()

    @hookimpl
    def qrm_rewrite(self, query: Query) -> Sequence[Rewrite] | None:
        """Write rewrites while the search waits; none of them is no opinion."""
        return self._rewriter.qrm_rewrite(query)

    @hookimpl
    def qrm_observe(self, trace: Trace) -> None:
        """Count what became of the search, while a version is on trial."""
        if isinstance(self._rewriter, VersionedRewriter):
            self._rewriter.observe(trace)

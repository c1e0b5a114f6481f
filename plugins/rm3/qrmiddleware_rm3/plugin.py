"""The plugin: searches, reads the first hits, and proposes the query with their words."""

from collections.abc import Sequence
from concurrent.futures import CancelledError
from pathlib import Path
from typing import Annotated, Final

from elastic_transport import TransportError
from pydantic import BaseModel, ConfigDict, Field, field_validator

from qrmiddleware import Query, Rewrite, UpstreamError, hookimpl, patience
from qrmiddleware_rm3.engine import Access, Engine
from qrmiddleware_rm3.feedback import (
    interpolated,
    is_candidate,
    most_likely,
    relevance_model,
    words_of,
)

_SPARE: Final = 3
"""As many times the wanted words are looked up, since some of them stand everywhere."""


class Rm3:
    """Proposes the query with the words that its first hits have in common."""

    class Settings(BaseModel):
        """Options of ``plugin: rm3``."""

        model_config = ConfigDict(
            extra="forbid", frozen=True, hide_input_in_errors=True, use_attribute_docstrings=True
        )

        url: str = "http://localhost:9200"
        """Node of the engine that is searched for feedback."""

        index: str | None = None
        """Index expression to search; that of the search itself without."""

        fields: Annotated[tuple[str, ...], Field(min_length=1)]
        """Fields that are searched, and whose words are read; ``title^2`` counts double."""

        fb_docs: Annotated[int, Field(ge=1, le=100)] = 10
        """Hits that are taken for relevant."""

        fb_terms: Annotated[int, Field(ge=1, le=100)] = 10
        """Words of the feedback, those of the query among them."""

        original_query_weight: Annotated[float, Field(gt=0, lt=1)] = 0.5
        """What the query's own words weigh, of 1."""

        max_document_share: Annotated[float, Field(gt=0, le=1)] = 0.1
        """Words that stand in more of the documents than this are left out."""

        max_query_words: Annotated[int, Field(ge=1, le=512)] = 32
        """Longer queries are left alone."""

        engine_timeout_ms: Annotated[float, Field(gt=0, le=60_000)] = 1000
        """Longest wait for one answer of the engine; less where the search has less time left."""

        api_key_env: str = ""
        """Name of the environment variable with an API key (encoded), if the engine wants one."""

        ca_certs: Path | None = None
        """Certificate authorities (PEM) to check the engine's certificate against."""

        verify_certs: bool = True
        """Check the engine's certificate."""

        @field_validator("fields", mode="before")
        @classmethod
        def _one_or_many(cls, value: object) -> object:
            return (value,) if isinstance(value, str) else value

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._engine: Engine | None = None

    @hookimpl
    def qrm_startup(self) -> None:
        """Make ready to ask; the engine need not answer yet.

        Raises:
            ConfigError: If the URL makes no sense, or the environment lacks the key.
        """
        access = Access(
            self._settings.url,
            self._settings.api_key_env,
            self._settings.ca_certs,
            self._settings.verify_certs,
        )
        self._engine = Engine(access)

    @hookimpl
    def qrm_shutdown(self) -> None:
        """Let go of connections."""
        if self._engine is not None:
            self._engine.close()
            self._engine = None

    @hookimpl
    def qrm_rewrite(self, query: Query) -> Sequence[Rewrite] | None:
        """Search, and propose the query with words of the first hits behind it."""
        words = words_of(query.text)
        if not words or len(words) > self._settings.max_query_words:
            return None
        try:
            added = self._added(query, words)
        except (UpstreamError, TransportError):
            if not patience().wanted():
                raise CancelledError from None
            raise
        if not added:
            return None
        said = ", ".join(f"{word} {weight:.3f}" for word, weight in added.items())
        text = " ".join((query.text.strip(), *added))
        return [Rewrite(text, self._weight(), note=f"rm3: {said}")]

    def _added(self, query: Query, words: Sequence[str]) -> dict[str, float]:
        """Return the words that are new to the query, with what they weigh in the mixture."""
        engine, settings = self._opened(), self._settings
        index = query.index if settings.index is None else settings.index
        hits = engine.first_hits(
            index,
            query.text,
            settings.fields,
            size=settings.fb_docs,
            timeout_s=self._time_left_s(),
        )
        model = relevance_model(hits)
        own = {word: weight for word, weight in model.items() if word in words}
        others = {word: p for word, p in model.items() if word not in words and is_candidate(word)}
        asked = tuple(most_likely(others, others, _SPARE * settings.fb_terms))
        if not asked:
            return {}
        rare = engine.rare(
            index,
            asked,
            settings.fields,
            share=settings.max_document_share,
            timeout_s=self._time_left_s(),
        )
        feedback = most_likely(model, (*own, *rare), settings.fb_terms)
        mixed = interpolated(words, feedback, original_query_weight=settings.original_query_weight)
        return {word: weight for word, weight in mixed.items() if word not in words}

    def _weight(self) -> float:
        """Weigh the widened wording as the feedback is weighed beside the query."""
        own = self._settings.original_query_weight
        return min(1.0, (1 - own) / own)

    def _time_left_s(self) -> float:
        left = patience().left_s()
        if left <= 0:
            raise CancelledError
        return min(left, self._settings.engine_timeout_ms / 1000)

    def _opened(self) -> Engine:
        if self._engine is None:
            problem = "asked before qrm_startup, or after qrm_shutdown"
            raise RuntimeError(problem)
        return self._engine

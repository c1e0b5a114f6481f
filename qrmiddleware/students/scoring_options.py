"""Options of plugins that score a window with one student, or two."""

from pathlib import Path
from typing import Annotated, Final, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from qrmiddleware.students.settings import RuntimeSettings

_DEFAULT_KEEP: Final = 25


class ScoringOptions(BaseModel):
    """Which students look at a window, and at what of a hit."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    model: Path
    """Folder of the student that decides: a cross-encoder, or a bi-encoder."""

    first: Path | None = None
    """Folder of a cheaper student that looks at all hits; ``model`` then sees the best only."""

    keep: Annotated[int, Field(ge=1, le=10_000)] = _DEFAULT_KEEP
    """Hits that ``model`` sees behind ``first``; they stand above all others."""

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

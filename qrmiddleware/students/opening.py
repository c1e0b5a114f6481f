"""Opens a student that scores texts, of whatever kind its folder holds."""

from pathlib import Path
from typing import Final

from qrmiddleware.students.bi_encoder import BiEncoder
from qrmiddleware.students.cross_encoder import CrossEncoder
from qrmiddleware.students.folder import StudentFolder, read_student
from qrmiddleware.students.manifest import Kind
from qrmiddleware.students.opened import OpenedEncoder
from qrmiddleware.students.score_cache import ScoreCache
from qrmiddleware.students.settings import RuntimeSettings

Student = CrossEncoder | BiEncoder

SCORERS: Final[tuple[Kind, ...]] = ("cross_encoder", "bi_encoder")
"""Kinds that score texts."""


def open_student(path: Path, settings: RuntimeSettings | None = None) -> Student:
    """Load a student that scores texts for a query; `Generator.open` loads one that writes.

    Args:
        path: Its folder.
        settings: How it runs; without, as `RuntimeSettings` has it.

    Raises:
        ConfigError: If the folder holds no student, a generator, or one that cannot work.
    """
    return open_folder(read_student(path, expect=SCORERS), settings or RuntimeSettings())


def open_folder(folder: StudentFolder, settings: RuntimeSettings) -> Student:
    """Load a student that scores texts from a folder that was checked; errors are the same."""
    encoder = OpenedEncoder(folder, settings)
    if folder.manifest.kind == "cross_encoder":
        return CrossEncoder(encoder, ScoreCache(settings.cache_bytes))
    return BiEncoder(encoder, cache_bytes=settings.cache_bytes)

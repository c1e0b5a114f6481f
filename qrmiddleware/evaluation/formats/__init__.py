"""Judged queries and catalogues, in the formats that people have them in."""

from qrmiddleware.evaluation.formats.format import FileMissingError, Format, Option, Source
from qrmiddleware.evaluation.formats.registry import (
    FORMATS,
    find_format,
    load_catalogue,
    load_judged,
)
from qrmiddleware.evaluation.formats.rows import FormatError

__all__ = [
    "FORMATS",
    "FileMissingError",
    "Format",
    "FormatError",
    "Option",
    "Source",
    "find_format",
    "load_catalogue",
    "load_judged",
]

"""Judged queries and catalogues, in the formats that people have them in."""

from qrmiddleware.evaluation.formats.format import Format, Option
from qrmiddleware.evaluation.formats.registry import FORMATS, load_catalogue, load_judged
from qrmiddleware.evaluation.formats.rows import FormatError

__all__ = ["FORMATS", "Format", "FormatError", "Option", "load_catalogue", "load_judged"]

"""Generators: students that write other wordings of a query, on CTranslate2."""

from qrmiddleware.students.generator.options import DecodingOptions
from qrmiddleware.students.generator.student import Generated, Generator

__all__ = ["DecodingOptions", "Generated", "Generator"]

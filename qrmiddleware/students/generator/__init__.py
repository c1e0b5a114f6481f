"""Generators: students that write other wordings of a query, on CTranslate2.

What loads libraries is imported when it is first asked for: options are read without them.
"""

from typing import TYPE_CHECKING, Any, Final

from qrmiddleware.students.generator.options import DecodingOptions

if TYPE_CHECKING:
    from qrmiddleware.students.generator.student import Generated, Generator

__all__ = ["DecodingOptions", "Generated", "Generator"]

_OF_THE_STUDENT: Final = frozenset({"Generated", "Generator"})


def __getattr__(name: str) -> Any:  # noqa: ANN401 what the module holds
    if name not in _OF_THE_STUDENT:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    from qrmiddleware.students.generator import student  # noqa: PLC0415 loads numpy

    return getattr(student, name)

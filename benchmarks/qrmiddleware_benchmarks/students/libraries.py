"""The heavy libraries of the extra ``students``, imported when something needs them."""

import importlib
import importlib.util
from collections.abc import Iterable
from types import ModuleType

from qrmiddleware_benchmarks.students.errors import StudentsError

LIBRARIES = (
    "ctranslate2",
    "onnx",
    "onnxruntime",
    "threadpoolctl",
    "tokenizers",
    "torch",
    "transformers",
)


def library(name: str) -> ModuleType:
    """Import a library, or a module of one.

    Raises:
        StudentsError: If it is not installed; the message says how to install it.
    """
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise StudentsError(_missing([name.partition(".")[0]])) from error


def need_libraries(names: Iterable[str] = LIBRARIES) -> None:
    """Look for all libraries without importing them, which takes seconds.

    Raises:
        StudentsError: If some are not installed.
    """
    missing = [name for name in names if importlib.util.find_spec(name) is None]
    if missing:
        raise StudentsError(_missing(missing))


def _missing(names: list[str]) -> str:
    verb = "is" if len(names) == 1 else "are"
    return (
        f"{', '.join(names)} {verb} not installed: students need the extra of that name, "
        "pip install 'qrmiddleware-benchmarks[students]' (some 5 GB with CUDA)"
    )

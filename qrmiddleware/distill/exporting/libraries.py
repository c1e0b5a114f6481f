"""The heavy libraries of the extras, imported when something needs them."""

import importlib
import importlib.util
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from qrmiddleware.errors import ConfigError

SERVING: Final = ("ctranslate2", "tokenizers", "safetensors", "numpy")
"""What answers of a student need."""
EXPORTING: Final = ("torch", "transformers", *SERVING)
"""What exports need."""


def need_libraries(names: Sequence[str] = EXPORTING, *, extra: str = "distill") -> None:
    """Look for libraries without importing them, which takes seconds.

    Raises:
        ConfigError: If some are not installed; says how to install them.
    """
    missing = [name for name in names if importlib.util.find_spec(name) is None]
    if missing:
        raise ConfigError(_missing(missing, extra))


def library(name: str) -> Any:  # noqa: ANN401 - a module without types
    """Import a library, or a module of one.

    Raises:
        ConfigError: If it is not installed; says how to install it.
    """
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise ConfigError(_missing([name.partition(".")[0]], "distill")) from error


def _missing(names: Sequence[str], extra: str) -> str:
    verb = "is" if len(names) == 1 else "are"
    return (
        f"{', '.join(names)} {verb} not installed, which this needs: "
        f"pip install 'qrmiddleware[{extra}]'"
    )


@contextmanager
def quiet_transformers() -> Iterator[Any]:
    """Import transformers and keep its advice and bars off the terminal meanwhile."""
    transformers = library("transformers")
    logging = transformers.utils.logging
    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield transformers
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()

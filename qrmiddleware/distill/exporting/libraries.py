"""The heavy libraries of the extra ``distill``, imported when an export needs them."""

import importlib
import importlib.util
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from qrmiddleware.errors import ConfigError

_EXPORTING = ("torch", "transformers", "ctranslate2", "tokenizers", "safetensors", "numpy")


def need_libraries() -> None:
    """Look for everything that an export imports, without importing it, which takes seconds.

    Raises:
        ConfigError: If something is not installed; says how to install it.
    """
    missing = [name for name in _EXPORTING if importlib.util.find_spec(name) is None]
    if missing:
        raise ConfigError(_missing(missing))


def _missing(names: Sequence[str]) -> str:
    verb = "is" if len(names) == 1 else "are"
    return (
        f"{', '.join(names)} {verb} not installed: exporting needs the extra distill, "
        "pip install 'qrmiddleware[distill]'"
    )


def library(name: str) -> Any:  # noqa: ANN401 - a module without types
    """Import a library, or a module of one.

    Raises:
        ConfigError: If it is not installed; says how to install it.
    """
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise ConfigError(_missing([name.partition(".")[0]])) from error


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

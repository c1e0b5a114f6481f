"""The words of the tasks: packaged, in versions, or a file of one's own."""

import re
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Final

import msgspec

from qrmiddleware.errors import ConfigError

DEFAULT: Final = "rewriting-1"
"""Version of the packaged prompts; words that change get a new number."""
SHORT: Final = "rewriting-short-1"
"""Likewise, in few words: for models from scratch, which need no explanation."""

_QUERY: Final = frozenset({"query"})
_PARTS: Final[Mapping[str, frozenset[str]]] = {
    "rewrite": _QUERY,
    "quality": _QUERY | {"rewrite"},
    "title": _QUERY,
    "reasoned": _QUERY,
    "reasoned answer": frozenset({"reason", "rewrite"}),
}


class Prompts(msgspec.Struct, frozen=True):
    """What is asked in each task.

    Attributes:
        version: Name of the file.
        parts: By task, as ``string.Template`` reads them; and how a reasoned answer is written.
    """

    version: str
    parts: dict[str, str]

    def ask(self, task: str, **told: str) -> str:
        """Write the prompt of a task, or a reasoned answer, each text on one line."""
        return Template(self.parts[task]).substitute(
            {name: one_line(text) for name, text in told.items()}
        )


def one_line(text: str) -> str:
    """Run blanks together, as what serves the model does."""
    return " ".join(text.encode(errors="replace").decode().split())


def load_prompts(name_or_file: str = DEFAULT) -> Prompts:
    """Read packaged prompts by their version, or a file of one's own.

    Raises:
        ConfigError: If the file cannot be read, or lacks a part, or a part one of its places.
    """
    if name_or_file in {DEFAULT, SHORT}:
        text = files(__package__).joinpath(f"{name_or_file}.md").read_text("utf-8")
        return _parse(name_or_file, text)
    path = Path(name_or_file)
    try:
        return _parse(path.stem, path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        message = (
            f"{path}: cannot be read as prompts: {error}; there are {DEFAULT} and {SHORT}, or give "
            "a file of your own"
        )
        raise ConfigError(message) from error


def _parse(version: str, text: str) -> Prompts:
    _, *pieces = re.split(r"^# (.+)\n", text, flags=re.MULTILINE)
    parts = {name: part.strip() for name, part in zip(pieces[::2], pieces[1::2], strict=True)}
    for name, places in _PARTS.items():
        template = Template(parts.get(name, ""))
        found = set(template.get_identifiers() if template.is_valid() else ())
        if missing := places - found:
            message = f"prompts {version}: part “# {name}” lacks ${min(missing)}"
            raise ConfigError(message)
        if more := found - places:
            message = f"prompts {version}: part “# {name}” has no ${min(more)} to tell"
            raise ConfigError(message)
    return Prompts(version, {name: parts[name] for name in _PARTS})

"""What language models are asked: a file a prompt, named with a number that its words change."""

import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any, Final

from qrmiddleware.asking.questions import Messages, UnreadableError
from qrmiddleware.errors import ConfigError

REWRITE: Final = "rewrite-1"
EQUIVALENT: Final = "equivalent-1"
FEEDBACK: Final = "feedback-1"

_PLACES: Final[Mapping[str, frozenset[str]]] = {
    "rewrite": frozenset({"query"}),
    "equivalent": frozenset({"first", "second"}),
    "feedback": frozenset({"query", "rewrite", "titles"}),
}
_THINKING: Final = re.compile(r"\A\s*<think>.*?</think>", re.DOTALL)
_OBJECT: Final = re.compile(r"\{.*\}", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Prompt:
    """Words with places for what differs.

    Attributes:
        version: Name and number, kept with what comes of it.
        system: As ``string.Template`` reads it.
        user: Likewise.
    """

    version: str
    system: str
    user: str

    def messages(self, **told: str) -> Messages:
        """Fill the places; nothing that is told can end its line."""
        plain = {name: _writable(text) for name, text in told.items()}
        return (
            {"role": "system", "content": Template(self.system).safe_substitute(plain)},
            {"role": "user", "content": Template(self.user).safe_substitute(plain)},
        )


def load_prompt(name: str, path: Path | None = None) -> Prompt:
    """Read a packaged prompt, or one of one's own in its place.

    Raises:
        ConfigError: If the file cannot be read, or lacks a part or a place.
    """
    kind = name.rpartition("-")[0]
    if path is None:
        text = files(__package__).joinpath("words", f"{name}.md").read_text(encoding="utf-8")
        return _parse(name, text, _PLACES[kind])
    try:
        return _parse(path.stem, path.read_text(encoding="utf-8"), _PLACES[kind])
    except (OSError, UnicodeDecodeError) as error:
        message = f"{path}: cannot be read as a prompt: {error}"
        raise ConfigError(message) from error


def _parse(version: str, text: str, places: Collection[str]) -> Prompt:
    _, *parts = re.split(r"^# (system|user)\n", text, flags=re.MULTILINE)
    found = dict(zip(parts[::2], (part.strip() for part in parts[1::2]), strict=True))
    template = Template(found.get("user", ""))
    missing = set(places) - set(template.get_identifiers() if template.is_valid() else ())
    if missing or "system" not in found:
        lacks = f"part “# user” lacks ${min(missing)}" if missing else "there is no part “# system”"
        message = f"prompt {version}: {lacks}"
        raise ConfigError(message)
    return Prompt(version, found["system"], found["user"])


def read_object(content: str) -> Mapping[str, Any]:
    """Read the JSON object of an answer, whatever stands around it.

    Raises:
        UnreadableError: If there is none.
    """
    found = _OBJECT.search(_THINKING.sub("", content))
    if found is None:
        problem = "no JSON object"
        raise UnreadableError(problem)
    try:
        told = json.loads(found[0])
    except (ValueError, RecursionError) as error:
        problem = "no JSON object"
        raise UnreadableError(problem) from error
    if not isinstance(told, dict):
        problem = "no JSON object"
        raise UnreadableError(problem)
    return told


def _writable(text: str) -> str:
    return text.encode(errors="replace").decode()

"""What a judge model is asked, and how its answer is read."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from string import Template
from types import MappingProxyType
from typing import Final, TypeAlias

from qrmiddleware.errors import ConfigError
from qrmiddleware.evaluation.pooling import PooledPair

Message: TypeAlias = Mapping[str, str]

DEFAULT: Final = "relevance-1"
"""Version of the prompt; a prompt whose words change gets a new number."""

MEANINGS: Final[Mapping[tuple[int, ...], Mapping[int, str]]] = MappingProxyType(
    {
        (0, 1): {
            0: "not relevant: not what was asked for",
            1: "relevant: what was asked for, or an answer to it",
        },
        (0, 1, 2, 3): {
            0: "poor: not what was asked for",
            1: "fair: related to it, such as an accessory or a part, or of another kind that may "
            "serve instead",
            2: "good: of the kind that was asked for, but a respect that the query names differs "
            "or is missing",
            3: "perfect: what was asked for, in every respect that the query names",
        },
    }
)
"""What grades mean where the collection does not say, by scale."""

_LONGEST_FIELD: Final = 2000
_THINKING: Final = re.compile(r"\A\s*<think>.*?</think>", re.DOTALL)
_FENCED: Final = re.compile(r"\A```(?:json)?\s*(.*?)\s*```\Z", re.DOTALL)


class AnswerError(ValueError):
    """An answer is not the JSON object that was asked for."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """A prompt with places for the pair.

    Attributes:
        version: Name and number, kept with every answer.
        system: With ``$grades`` and ``$scale``.
        user: With ``$query`` and ``$document``.
    """

    version: str
    system: str
    user: str


@dataclass(frozen=True, slots=True)
class Opinion:
    """What a judge model said of a pair."""

    relevance: int
    reason: str


def load_prompt(path: Path | None = None) -> Prompt:
    """Read a prompt: the package's own, or a file of the same form.

    Raises:
        ConfigError: If the file lacks a part or a place.
    """
    if path is None:
        text = files(__package__).joinpath(f"{DEFAULT}.md").read_text(encoding="utf-8")
        return _parse(DEFAULT, text)
    try:
        return _parse(path.stem, path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        message = f"{path}: cannot be read as a prompt: {error}"
        raise ConfigError(message) from error


def _parse(version: str, text: str) -> Prompt:
    _, *parts = re.split(r"^# (system|user)\n", text, flags=re.MULTILINE)
    found = dict(zip(parts[::2], (part.strip() for part in parts[1::2]), strict=True))
    for part, places in (("system", {"grades", "scale"}), ("user", {"query", "document"})):
        template = Template(found.get(part, ""))
        missing = places - set(template.get_identifiers() if template.is_valid() else ())
        if missing:
            message = f"prompt {version}: part “# {part}” lacks ${min(missing)}"
            raise ConfigError(message)
    return Prompt(version, found["system"], found["user"])


def meanings_for(scale: Sequence[int], given: Mapping[int, str]) -> Mapping[int, str]:
    """Say what every grade of a scale means.

    Raises:
        ConfigError: If somebody has to say it.
    """
    meanings = {**MEANINGS.get(tuple(scale), {}), **given}
    strange, silent = sorted(set(given) - set(scale)), sorted(set(scale) - set(meanings))
    if strange:
        message = f"grade {strange[0]} is not on the collection's scale {_listed(scale)}"
        raise ConfigError(message)
    if silent:
        message = (
            f"the collection's scale is {_listed(scale)}: say what {_listed(silent)} mean, such "
            f"as --grade '{silent[0]}=irrelevant: not what was asked for'"
        )
        raise ConfigError(message)
    return {grade: meanings[grade] for grade in sorted(scale)}


def _listed(grades: Sequence[int]) -> str:
    return ", ".join(map(str, grades))


def messages_for(
    prompt: Prompt, pair: PooledPair, meanings: Mapping[int, str]
) -> tuple[Message, ...]:
    """Ask about one pair."""
    lines = [f"{grade}: {meaning}" for grade, meaning in sorted(meanings.items(), reverse=True)]
    system = Template(prompt.system).substitute(
        grades="\n".join(lines), scale=_listed(sorted(meanings))
    )
    document = "\n".join(f"{name}: {_short(text)}" for name, text in pair.fields.items())
    user = Template(prompt.user).substitute(query=pair.query, document=document)
    return ({"role": "system", "content": system}, {"role": "user", "content": user})


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST_FIELD else f"{text[:_LONGEST_FIELD]} …"


def ask_again(messages: Sequence[Message], answer: str, problem: str) -> tuple[Message, ...]:
    """Ask once more, saying what was wrong."""
    again = f"That could not be read: {problem}. Answer with the JSON object alone."
    return (
        *messages,
        {"role": "assistant", "content": answer},
        {"role": "user", "content": again},
    )


def read_answer(content: str, scale: Sequence[int]) -> Opinion:
    """Read an answer, strictly: one JSON object whose ``relevance`` is on the scale.

    A ``<think>`` part before it and a fence around it are not held against it.

    Raises:
        AnswerError: If it is anything else.
    """
    text = _THINKING.sub("", content).strip()
    text = match[1] if (match := _FENCED.match(text)) else text
    try:
        answer = json.loads(text)
    except (ValueError, RecursionError) as error:
        problem = f"not JSON: {_start(text)}"
        raise AnswerError(problem) from error
    if not isinstance(answer, dict) or "relevance" not in answer:
        problem = f"no object with a relevance: {_start(text)}"
        raise AnswerError(problem)
    relevance = answer["relevance"]
    if isinstance(relevance, bool) or not isinstance(relevance, int) or relevance not in scale:
        problem = f"relevance is one of {_listed(scale)}, not {_start(json.dumps(relevance))}"
        raise AnswerError(problem)
    reason = str(answer.get("reason") or "").encode(errors="replace").decode()
    return Opinion(relevance, reason)


def _start(text: str, most: int = 80) -> str:
    return repr(text if len(text) <= most else f"{text[:most]}…")

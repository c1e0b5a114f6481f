"""What a language model is asked about products of one query."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any, Final, Literal, TypeAlias

from qrmiddleware.distill.classes import Classes
from qrmiddleware.distill.labels import Pair
from qrmiddleware.errors import ConfigError

Message: TypeAlias = Mapping[str, str]
Form: TypeAlias = Literal["token", "one", "several", "chain"]
"""Of an answer: a class's code alone, JSON for one product or for several, or lines of reasons."""

DEFAULT: Final = "relevance-1"
"""Version of the packaged prompt; words that change get a new number."""
CHAIN: Final = "chain-1"
"""Likewise, of the one that asks for reasons."""
SHORT: Final = "chain-short-1"
"""Likewise, in few words: for models that were trained on it, and need no explanation."""

_PLACES: Final[Mapping[str, frozenset[str]]] = {
    "system": frozenset({"classes", "answer"}),
    "user": frozenset({"query", "products"}),
}
_CODES: Final = frozenset({"codes"})
_GRADES: Final[tuple[Form, ...]] = ("token", "one", "several")


@dataclass(frozen=True, slots=True)
class Prompt:
    """What is asked, with places for what differs.

    Attributes:
        version: Name of its file.
        parts: ``system``, ``user`` and the forms of an answer, as ``string.Template`` reads them.
    """

    version: str
    parts: Mapping[str, str]


def load_prompt(path: Path | None = None, *, chain: bool = False) -> Prompt:
    """Read a prompt of one's own, or the packaged one.

    Args:
        path: Of one's own, or the name of a packaged one.
        chain: It asks for reasons, and not for classes alone.

    Raises:
        ConfigError: If the file lacks a part or a place.
    """
    forms: tuple[Form, ...] = ("chain",) if chain else _GRADES
    if path is None or str(path) in {DEFAULT, CHAIN, SHORT}:
        version = str(path) if path else CHAIN if chain else DEFAULT
        text = files(__package__).joinpath(f"{version}.md").read_text("utf-8")
        return _parse(version, text, forms)
    try:
        return _parse(path.stem, path.read_text(encoding="utf-8"), forms)
    except (OSError, UnicodeDecodeError) as error:
        message = f"{path}: cannot be read as a prompt: {error}"
        raise ConfigError(message) from error


def _parse(version: str, text: str, forms: Sequence[Form]) -> Prompt:
    required = {**_PLACES, **{f"answer {form}": _CODES for form in forms}}
    if forms == ("chain",):  # a model that was trained on it knows what the classes mean
        required["system"] = frozenset({"answer"})
    _, *pieces = re.split(r"^# (.+)\n", text, flags=re.MULTILINE)
    parts = {name: part.strip() for name, part in zip(pieces[::2], pieces[1::2], strict=True)}
    for name, places in required.items():
        template = Template(parts.get(name, ""))
        missing = places - set(template.get_identifiers() if template.is_valid() else ())
        if missing:
            message = f"prompt {version}: part “# {name}” lacks ${min(missing)}"
            raise ConfigError(message)
    return Prompt(version, {name: parts[name] for name in required})


def messages_for(
    prompt: Prompt, pairs: Sequence[Pair], classes: Classes, form: Form, *, longest_text: int
) -> tuple[Message, ...]:
    """Ask about the products of one query.

    Args:
        prompt: In which words.
        pairs: All of one query; one unless the form is ``several``.
        classes: Which there are.
        form: Of the answer.
        longest_text: Characters of a product's text that are told; the rest is cut off.
    """
    codes = ", ".join(classes.codes)
    lines = [f"- {each.code} ({each.name}): {each.meaning or each.name}" for each in classes]
    system = Template(prompt.parts["system"]).safe_substitute(
        classes="\n".join(lines),
        answer=Template(prompt.parts[f"answer {form}"]).safe_substitute(codes=codes),
        count="one product" if len(pairs) == 1 else f"{len(pairs)} products",
    )
    products = [
        _product(number, pair.text, longest_text) for number, pair in enumerate(pairs, start=1)
    ]
    user = Template(prompt.parts["user"]).safe_substitute(
        query=" ".join(_writable(pairs[0].query).split()), products="\n\n".join(products)
    )
    return ({"role": "system", "content": system}, {"role": "user", "content": user})


def _product(number: int, text: str, longest: int) -> str:
    """Fence a product's text, so that it cannot pass for the fence's end."""
    told = _writable(shortened(text, longest)).replace("</product", "< /product")
    return f'<product number="{number}">\n{told}\n</product>'


def shortened(text: str, longest: int) -> str:
    """Return the beginning of a text, with its blanks run together."""
    told = " ".join(text.split())
    return told if len(told) <= longest else f"{told[:longest]}…"


def _writable(text: str) -> str:
    return text.encode(errors="replace").decode()


@cache
def answer_schema(codes: tuple[str, ...], products: int, *, several: bool) -> Mapping[str, Any]:
    """Return the JSON schema of an answer, within what strict endpoints accept."""
    grade = {"type": "string", "enum": list(codes)}
    if not several:
        return _object({"grade": grade})
    return _object({"grades": _object({str(n): grade for n in range(1, products + 1)})})


def _object(properties: Mapping[str, Any]) -> Mapping[str, Any]:
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(properties),
        "additionalProperties": False,
    }

"""How a language model was taught to reason: its prompt and classes, told in its own folder."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

import msgspec

from qrmiddleware.distill.chains import CONCLUSION, Chain
from qrmiddleware.distill.classes import ESCI, Classes
from qrmiddleware.distill.labels import Pair
from qrmiddleware.distill.teachers.prompt import Message, Prompt, load_prompt, messages_for
from qrmiddleware.errors import ConfigError

CHAIN_FILE: Final = "qrm-chain.json"
"""Lies in the folder of a checkpoint that was trained to reason."""


@dataclass(frozen=True, slots=True)
class ChainForm:
    """What a model is asked, and what it answers.

    Attributes:
        prompt: In which words; with the part ``answer chain``.
        classes: That it concludes.
        longest_text: Characters of a product's text that it is told.
    """

    prompt: Prompt = field(default_factory=partial(load_prompt, chain=True))
    classes: Classes = ESCI
    longest_text: int = 2000

    def messages(self, pair: Pair) -> Sequence[Message]:
        """Ask about one pair."""
        return messages_for(
            self.prompt, (pair,), self.classes, "chain", longest_text=self.longest_text
        )

    def up_to_conclusion(self, chain: Chain) -> str:
        """Write a chain down up to where the code of its class begins, blank and all."""
        return f"{chain.without_conclusion()}\n{CONCLUSION}:"

    @property
    def conclusions(self) -> tuple[str, ...]:
        """How a chain goes on from there, for each class."""
        return tuple(f" {code}" for code in self.classes.codes)


def read_form(checkpoint: str) -> ChainForm | None:
    """Read how a checkpoint was taught; ``None`` where its folder does not say, or it is none.

    Raises:
        ConfigError: If the file is damaged.
    """
    file = Path(checkpoint) / CHAIN_FILE
    if not file.is_file():
        return None
    try:
        return msgspec.json.decode(file.read_bytes(), type=ChainForm)
    except (OSError, msgspec.MsgspecError, ConfigError) as error:
        message = f"{file}: cannot be read: {error}"
        raise ConfigError(message) from error


def write_form(checkpoint: Path, form: ChainForm) -> None:
    """Write into a checkpoint's folder how it was taught."""
    text = msgspec.json.format(msgspec.json.encode(form), indent=2)
    (checkpoint / CHAIN_FILE).write_bytes(text + b"\n")

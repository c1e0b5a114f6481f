"""A checkpoint that rewrites: how it is asked, and what it was taught, told in its own folder."""

from collections.abc import Iterable, Mapping, Sequence
from hashlib import file_digest
from pathlib import Path
from typing import Any, Final

import msgspec

from qrmiddleware.distill.causal.models import CausalLm
from qrmiddleware.distill.causal.rows import TokenRow, prompt_ids, response_row
from qrmiddleware.errors import ConfigError
from qrmiddleware_beque.prompts.tasks import Prompts

FORM_FILE: Final = "qrm-rewriter.json"


class Stage(msgspec.Struct, frozen=True, kw_only=True):
    """One training that a checkpoint has behind it.

    Attributes:
        command: That ran it.
        base: What it began with.
        teacher: Whose rewrites, or whose verdicts, were learnt.
        seed: Of everything that was drawn.
        data: SHA-256 of the files that were learnt from, by name.
        settings: As it was told, in JSON's types.
    """

    command: str
    base: str
    teacher: str = ""
    seed: int = 0
    data: dict[str, str] = {}
    settings: dict[str, Any] = {}


class Rewriter(msgspec.Struct, frozen=True, kw_only=True):
    """How a checkpoint is asked for rewrites, and where it comes from.

    Attributes:
        prompts: In which words.
        prompt_tokens: Longest prompt of a rewrite that it was taught.
        rewrite_tokens: Longest rewrite, end included.
        seen_folds: Folds of judged queries that were learnt from.
        stages: Trainings, the first one first.
    """

    prompts: Prompts
    prompt_tokens: int
    rewrite_tokens: int
    seen_folds: tuple[int, ...] = ()
    stages: tuple[Stage, ...] = ()

    def messages(self, query: str) -> Sequence[Mapping[str, str]]:
        """Ask for a rewrite."""
        return asking(self.prompts.ask("rewrite", query=query))

    def row(self, lm: CausalLm, query: str, rewrite: str) -> TokenRow:
        """Put a rewrite behind the prompt for it."""
        return response_row(lm, prompt_ids(lm, self.messages(query)), rewrite)


def asking(prompt: str) -> Sequence[Mapping[str, str]]:
    """Return a prompt as the only message."""
    return ({"role": "user", "content": prompt},)


def read_rewriter(folder: Path) -> Rewriter:
    """Read how a checkpoint is asked.

    Raises:
        ConfigError: If it was never taught to rewrite, or the file is damaged.
    """
    file = folder / FORM_FILE
    if not file.is_file():
        message = (
            f"{folder} was not taught to rewrite: `qrm beque sft` makes a checkpoint that says how "
            "it is asked"
        )
        raise ConfigError(message)
    try:
        return msgspec.json.decode(file.read_bytes(), type=Rewriter)
    except (OSError, msgspec.MsgspecError) as error:
        message = f"{file}: cannot be read: {error}"
        raise ConfigError(message) from error


def write_rewriter(folder: Path, rewriter: Rewriter) -> None:
    """Write into a checkpoint's folder how it is asked."""
    text = msgspec.json.format(msgspec.json.encode(rewriter), indent=2)
    (folder / FORM_FILE).write_bytes(text + b"\n")


def hashes_of(files: Iterable[Path]) -> dict[str, str]:
    """Return the SHA-256 of files, by name, and by path where a name is there before."""
    found: dict[str, str] = {}
    for file in files:
        with file.open("rb") as data:
            told = file_digest(data, "sha256").hexdigest()
        found[file.name if file.name not in found else str(file)] = told
    return found


def plain(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Bring settings to JSON's types."""
    told: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(dict(settings), enc_hook=str))
    return told

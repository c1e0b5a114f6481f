"""Responses that a model draws, kept in a file that grows: a run that is killed goes on."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

import msgspec

from qrmiddleware.asking.growing_file import GrowingFile
from qrmiddleware.distill.causal.generation import Decoding, Response, respond
from qrmiddleware.distill.causal.models import CausalLm
from qrmiddleware.errors import ConfigError

_GROUP: Final = 16
"""Prompts that are answered together, always the same ones: draws depend on it."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A prompt to draw responses to.

    Attributes:
        key: Its name in the file.
        ids: As the model reads it.
    """

    key: str
    ids: tuple[int, ...]


class Drawn(msgspec.Struct, frozen=True):
    """One line of the file.

    Attributes:
        key: Of the prompt.
        by: Who drew, and how: draws of two never mix.
        responses: In the order in which they were drawn.
    """

    key: str
    by: str
    responses: tuple[Response, ...]


def draw(
    lm: CausalLm,
    asked: Sequence[Asked],
    decoding: Decoding,
    file: Path,
    *,
    by: str,
    budget: int,
    tell: Callable[[int, int], object] = lambda _, __: None,
) -> list[tuple[Response, ...]]:
    """Draw responses to prompts, but for those that the file has.

    Prompts go in groups, and a group of which some are missing is drawn as a whole: a run that
    was killed ends with the same draws as one that was not.

    Args:
        lm: Draws.
        asked: What it is asked, each key once.
        decoding: How it draws.
        file: Grows by a line a prompt.
        by: Names the model; how it draws is added here.
        budget: Tokens of a pass, padding and responses included.
        tell: Called with the prompts that are done and all of them.

    Returns:
        For each prompt its responses.

    Raises:
        ConfigError: If the file cannot be opened, another process has it open, holds what is no
            draw, or some are missing and several processes train.
    """
    by = f"{by}:{sha256(repr(decoding).encode()).hexdigest()[:8]}"
    found = dict(_read(file, by))
    if all(each.key in found for each in asked):
        return [found[each.key] for each in asked]
    _check_alone(file)
    store = GrowingFile(file, "responses", _is_drawn)
    store.open(lambda: found.update(_read(file, by)))
    try:
        for start in range(0, len(asked), _GROUP):
            group = asked[start : start + _GROUP]
            if any(each.key not in found for each in group):
                made = respond(lm, [each.ids for each in group], decoding, budget=budget)
                for each, responses in zip(group, made, strict=True):
                    if each.key not in found:
                        found[each.key] = tuple(responses)
                        store.add(msgspec.json.encode(Drawn(each.key, by, found[each.key])))
            tell(min(start + _GROUP, len(asked)), len(asked))
    finally:
        store.close()
    return [found[each.key] for each in asked]


def _check_alone(file: Path) -> None:
    from accelerate import PartialState  # noqa: PLC0415 loads torch

    processes = PartialState().num_processes
    if processes > 1:
        message = (
            f"{file} lacks responses, and one process draws them, not {processes}: run the same "
            "once without `accelerate launch`; it may be stopped when it begins to learn"
        )
        raise ConfigError(message)


def _read(file: Path, by: str) -> Iterator[tuple[str, tuple[Response, ...]]]:
    """Yield what is there; a last line that is not yet whole is left out."""
    if not file.exists():
        return
    decoder = msgspec.json.Decoder(Drawn)
    with file.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            try:
                drawn = decoder.decode(line)
            except (msgspec.MsgspecError, UnicodeDecodeError) as error:
                if not line.endswith(b"\n"):
                    return
                message = f"{file}:{number}: is no response that was drawn ({error}); remove it"
                raise ConfigError(message) from error
            if drawn.by == by:
                yield drawn.key, drawn.responses


def _is_drawn(line: bytes) -> bool:
    try:
        msgspec.json.decode(line, type=Drawn)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return False
    return True

"""Finds its way in a chat completion: its first choice, what was written, tokens that count."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Reply:
    """What a model wrote, and what that took.

    Attributes:
        content: Empty if it wrote nothing.
        prompt_tokens: As the endpoint counts; ``None`` if it does not.
        completion_tokens: Likewise.
    """

    content: str
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


def read_reply(body: object) -> Reply | None:
    """Read a reply's body; ``None`` if it is no chat completion."""
    choice = first_choice(body)
    return None if choice is None else Reply(content_of(choice), *usage_of(body))


def first_choice(body: object) -> Mapping[str, Any] | None:
    """Return the first choice, if there is one with a message."""
    choices = body.get("choices") if isinstance(body, dict) else None
    choice = choices[0] if isinstance(choices, list) and choices else None
    if not isinstance(choice, dict) or not isinstance(choice.get("message"), dict):
        return None
    return choice


def content_of(choice: Mapping[str, Any]) -> str:
    """Return what the model wrote."""
    content = choice["message"].get("content")
    return content if isinstance(content, str) else ""


def usage_of(body: object) -> tuple[int | None, int | None]:
    """Return the tokens that a reply counts: of the prompt, and of the completion."""
    usage = body.get("usage") if isinstance(body, dict) else None
    told = usage if isinstance(usage, dict) else {}
    prompt, completion = (told.get(f"{side}_tokens") for side in ("prompt", "completion"))
    return (
        prompt if isinstance(prompt, int) else None,
        completion if isinstance(completion, int) else None,
    )

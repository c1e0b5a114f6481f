"""Keeps every answer of a judge model in a file that only grows: nothing is paid for twice."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Self

from qrmiddleware.asking.growing_file import GrowingFile
from qrmiddleware.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of asking about one pair.

    Attributes:
        key: Hash of all that was sent.
        query_id: For people who read the file.
        doc_id: Likewise.
        model: Who answered.
        prompt: Version of what was asked.
        relevance: ``None`` if the pair was set aside.
        reason: In the model's words.
        problem: Why it was set aside.
        attempts: How often it was asked.
        prompt_tokens: In all attempts, as the endpoint counts.
        completion_tokens: Likewise.
    """

    key: str
    query_id: str
    doc_id: str
    model: str
    prompt: str
    relevance: int | None = None
    reason: str = ""
    problem: str = ""
    attempts: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0


def key_of(request: Mapping[str, Any]) -> str:
    """Hash a request's body: the same question to the same model has the same key."""
    text = json.dumps(request, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return sha256(text.encode(errors="surrogatepass")).hexdigest()[:32]


class AnswerLog:
    """The answers so far, and the file where more are put; used as a context manager.

    No answer that was added is lost by a process that ends; only one process at a time may add
    (see ``GrowingFile``).
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._answers: dict[str, Answer] = {}
        self._file = GrowingFile(path, "answers", _is_answer)

    def __enter__(self) -> Self:
        self._file.open(self._load)
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    @property
    def note(self) -> str:
        """What was mended on opening; empty if nothing was."""
        return self._file.note

    def get(self, key: str) -> Answer | None:
        """Return an answer that is there."""
        return self._answers.get(key)

    def add(self, answer: Answer) -> None:
        """Put an answer to the file, at once."""
        line = json.dumps(asdict(answer), ensure_ascii=False)
        self._file.add(line.encode(errors="replace"))  # UTF-8 has no halves of characters
        self._answers[answer.key] = answer

    def _load(self) -> None:
        with self._path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                try:
                    answer = _read(line)
                except (ValueError, TypeError) as error:
                    message = f"{self._path}:{number}: no answer of a judge: {error}"
                    raise ConfigError(message) from error
                self._answers[answer.key] = answer


def _is_answer(line: bytes) -> bool:
    try:
        _read(line)
    except (ValueError, TypeError):
        return False
    return True


def _read(line: bytes) -> Answer:
    return Answer(**json.loads(line))

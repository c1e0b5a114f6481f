"""Keeps every answer of a judge model in a file that only grows: nothing is paid for twice."""

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

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

    A process that is killed may leave half a line; it is cut off when the file is next opened,
    and its pair is asked again.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._answers: dict[str, Answer] = {}
        self._file: IO[str] | None = None

    def __enter__(self) -> Self:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        if self._path.exists():
            self._cut_half_a_line()
            self._answers = {answer.key: answer for answer in self._read()}
        self._file = self._path.open("a", encoding="utf-8", newline="\n")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._file is not None:
            self._file.close()

    def get(self, key: str) -> Answer | None:
        """Return an answer that is there."""
        return self._answers.get(key)

    def add(self, answer: Answer) -> None:
        """Put an answer to the file, at once."""
        if self._file is None:
            message = "the file of answers is not open"
            raise ValueError(message)
        self._answers[answer.key] = answer
        self._file.write(json.dumps(asdict(answer), ensure_ascii=False) + "\n")
        self._file.flush()

    def _cut_half_a_line(self) -> None:
        data = self._path.read_bytes()
        whole = data.rfind(b"\n") + 1
        if whole < len(data):
            os.truncate(self._path, whole)

    def _read(self) -> Iterator[Answer]:
        with self._path.open(encoding="utf-8") as file:
            for number, line in enumerate(file, start=1):
                try:
                    yield Answer(**json.loads(line))
                except (ValueError, TypeError) as error:
                    message = f"{self._path}:{number}: no answer of a judge: {error}"
                    raise ConfigError(message) from error

"""Asks a model many questions, and keeps what it answered: a run that is killed goes on."""

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, Generic, TypeAlias, TypeVar

import msgspec

from qrmiddleware.asking.completions import Reply
from qrmiddleware.asking.endpoint import Endpoint, EndpointOptions
from qrmiddleware.asking.errors import RefusedError, Trouble, UnansweredError
from qrmiddleware.asking.growing_file import GrowingFile
from qrmiddleware.asking.workers import all_or_none
from qrmiddleware.errors import ConfigError

T = TypeVar("T")

Messages: TypeAlias = Sequence[Mapping[str, str]]

REFUSED: Final = "refused"
BEYOND: Final = "beyond the limit"


class UnreadableError(ValueError):
    """An answer is not what was asked for; its text names the kind of fault, to be counted."""


@dataclass(frozen=True, slots=True)
class Manner:
    """How questions are asked.

    Attributes:
        model: Its name at the endpoint.
        body: More keys of the request; ``None`` takes a key away.
        concurrency: Questions at a time.
        most: New questions at most; 0 for no bound.
        readings: How often a question is asked until its answer can be read.
        give_up_after: Stop when so many questions in a row got no answer.
    """

    model: str
    body: Mapping[str, Any] = field(default_factory=dict)
    concurrency: int = 4
    most: int = 0
    readings: int = 2
    give_up_after: int = 10

    def request(self, messages: Messages) -> dict[str, Any]:
        """Return the body that a question is sent in; its hash files the answer."""
        body = {"model": self.model, "messages": list(messages), "temperature": 0, **self.body}
        return {key: value for key, value in body.items() if value is not None}


class Kept(msgspec.Struct, frozen=True):
    """One line of the file.

    Attributes:
        key: Hash of the request.
        content: What the model wrote last, whether or not it could be read.
    """

    key: str
    content: str


@dataclass(frozen=True, slots=True)
class Replies(Generic[T]):
    """What came of it.

    Attributes:
        answers: As they were read, in the order of the questions; ``None`` where there is none.
        problems: How many questions have none, by reason.
        asked: Questions asked now.
        remembered: Answers known from before.
        prompt_tokens: Of what was asked now, as the endpoint counts.
        completion_tokens: Likewise.
        stopped: Why it ended early; empty if it did not.
    """

    answers: tuple[T | None, ...]
    problems: Mapping[str, int]
    asked: int = 0
    remembered: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    stopped: str = ""


def ask_all(
    questions: Sequence[Messages],
    read: Callable[[str], T],
    *,
    endpoint: EndpointOptions,
    manner: Manner,
    file: Path | None = None,
    tell: Callable[[int, int], object] = lambda _, __: None,
) -> Replies[T]:
    """Ask questions, and read the answers.

    Answers are kept as they were written, so that a better reader needs no new ones; an answer
    that cannot be read is kept too, and its question is not asked again in a later run.

    Args:
        questions: Equal ones are asked once.
        read: Of an answer's text; raises ``UnreadableError``.
        endpoint: Who is asked.
        manner: How.
        file: Where answers are kept; ``None`` for nowhere.
        tell: Called with the questions that are done and all of them.

    Raises:
        EndpointError: If the endpoint will not answer anything.
        UnansweredError: If nobody is there at all.
        ConfigError: If the file cannot be opened or read.
    """
    asking = _Asking(questions, read, manner, file, tell)
    if asking.store:
        asking.store.open(asking.load)
    try:
        asyncio.run(asking.run(endpoint))
    finally:
        if asking.store:
            asking.store.close()
    return asking.replies()


@dataclass(slots=True)
class _Spent:
    asked: int = 0
    prompt: int = 0
    completion: int = 0
    in_a_row: int = 0
    answered: bool = False
    stopped: str = ""


class _Asking(Generic[T]):
    def __init__(
        self,
        questions: Sequence[Messages],
        read: Callable[[str], T],
        manner: Manner,
        file: Path | None,
        tell: Callable[[int, int], object],
    ) -> None:
        self._read, self._manner, self._file, self._tell = read, manner, file, tell
        self._keys = [_key(manner.request(each)) for each in questions]
        self._questions = dict(zip(self._keys, questions, strict=True))
        self._contents: dict[str, str] = {}
        self._answers: dict[str, T] = {}
        self._problems: dict[str, str] = {}
        self._spent = _Spent()
        self._remembered = 0
        self.store = None if file is None else GrowingFile(file, "answers", _is_kept)

    def load(self) -> None:
        """Read what the file has."""
        if self._file is None:
            return
        for number, line in enumerate(self._file.read_bytes().splitlines(), start=1):
            try:
                kept = msgspec.json.decode(line, type=Kept)
            except (msgspec.MsgspecError, UnicodeDecodeError) as error:
                message = f"{self._file}:{number}: is no answer that was kept ({error}); remove it"
                raise ConfigError(message) from error
            self._contents[kept.key] = kept.content

    async def run(self, options: EndpointOptions) -> None:
        """Ask for what is missing."""
        waiting = []
        for key in self._questions:
            if key in self._contents:
                self._remembered += 1
                self._note(key, self._contents[key])
            else:
                waiting.append(key)
        most = self._manner.most or len(waiting)
        self._problems.update(dict.fromkeys(waiting[most:], BEYOND))
        self._tell(self._done, len(self._questions))
        if not waiting[:most]:
            return
        todo = iter(waiting[:most])
        async with Endpoint(options) as endpoint:
            await all_or_none([self._work(endpoint, todo) for _ in range(self._manner.concurrency)])

    @property
    def _done(self) -> int:
        return len(self._answers) + len(self._problems)

    async def _work(self, endpoint: Endpoint, todo: Iterator[str]) -> None:
        for key in todo:
            if self._spent.stopped:
                self._problems[key] = "not asked"
                continue
            self._spent.asked += 1
            try:
                await self._ask(endpoint, key)
            except UnansweredError as error:
                if error.trouble is Trouble.CONNECTION and not self._spent.answered:
                    raise
                self._fail(key, str(error.trouble), error)
            except RefusedError as error:
                self._fail(key, REFUSED, error)
            self._tell(self._done, len(self._questions))

    async def _ask(self, endpoint: Endpoint, key: str) -> None:
        messages = list(self._questions[key])
        content = ""
        for _ in range(self._manner.readings):
            reply = await endpoint.complete(self._manner.request(messages))
            content = self._count(reply)
            try:
                self._read(content)
            except UnreadableError as error:
                wrong = f"That cannot be read ({error}). Answer in the form that was asked for."
                messages += [
                    {"role": "assistant", "content": content},
                    {"role": "user", "content": wrong},
                ]
            else:
                break
        if self.store:
            self.store.add(msgspec.json.encode(Kept(key, content)))
        self._note(key, content)

    def _count(self, reply: Reply) -> str:
        self._spent.answered, self._spent.in_a_row = True, 0
        self._spent.prompt += reply.prompt_tokens or 0
        self._spent.completion += reply.completion_tokens or 0
        return reply.content

    def _note(self, key: str, content: str) -> None:
        try:
            self._answers[key] = self._read(content)
        except UnreadableError as error:
            self._problems[key] = str(error)

    def _fail(self, key: str, problem: str, error: Exception) -> None:
        self._problems[key] = problem
        self._spent.in_a_row += 1
        if self._spent.in_a_row >= self._manner.give_up_after:
            self._spent.stopped = f"{self._spent.in_a_row} questions in a row, the last: {error}"

    def replies(self) -> Replies[T]:
        """Tell what came of it."""
        spent = self._spent
        return Replies(
            tuple(self._answers.get(key) for key in self._keys),
            Counter(self._problems.values()),
            spent.asked,
            self._remembered,
            spent.prompt,
            spent.completion,
            spent.stopped,
        )


def _key(request: Mapping[str, Any]) -> str:
    return sha256(json.dumps(request, sort_keys=True).encode()).hexdigest()[:32]


def _is_kept(line: bytes) -> bool:
    try:
        msgspec.json.decode(line, type=Kept)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return False
    return True

"""Speaks OpenAI's chat completions: paced, retried, and patient where it is told to be."""

import asyncio
import json
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import aiohttp
import tenacity

from qrmiddleware.errors import ConfigError, QrmError
from qrmiddleware.evaluation.judging.prompt import Message

PATH: Final = "/chat/completions"

_FATAL: Final = {
    HTTPStatus.UNAUTHORIZED,
    HTTPStatus.PAYMENT_REQUIRED,
    HTTPStatus.FORBIDDEN,
    HTTPStatus.NOT_FOUND,
    HTTPStatus.METHOD_NOT_ALLOWED,
}
_AGAIN: Final = {
    HTTPStatus.REQUEST_TIMEOUT,
    HTTPStatus.CONFLICT,
    HTTPStatus.TOO_EARLY,
    HTTPStatus.TOO_MANY_REQUESTS,
}


class EndpointError(QrmError):
    """The endpoint will not answer anything: key, path or model are wrong."""


class RefusedError(QrmError):
    """The endpoint will not answer this one, however often it is asked."""


class UnansweredError(QrmError):
    """The endpoint did not answer in all attempts; it may later."""


class _BusyError(Exception):
    """The endpoint may answer if it is asked again.

    Attributes:
        retry_after_s: When, if it said so.
    """

    def __init__(self, problem: str, retry_after_s: float | None = None) -> None:
        super().__init__(problem)
        self.retry_after_s = retry_after_s


@dataclass(frozen=True, slots=True)
class EndpointOptions:
    """Where and how a judge model is asked.

    Attributes:
        url: Of the API, such as ``https://api.openai.com/v1``.
        model: Its name there.
        api_key: Sent as a bearer token; empty for none.
        body: More keys of the request, such as ``max_tokens``; ``None`` takes a key away.
        timeout_s: For one answer.
        rate_hz: Most requests a second; 0 for no bound.
        attempts: How often one request is sent at most.
        backoff_s: First wait where the endpoint names none; grows twofold with chance.
        longest_wait_s: An endpoint that asks for more patience is given up.
        ca: Certificates to trust beside the system's.
    """

    url: str
    model: str
    api_key: str = field(default="", repr=False)
    body: Mapping[str, Any] = field(default_factory=dict)
    timeout_s: float = 60.0
    rate_hz: float = 0.0
    attempts: int = 6
    backoff_s: float = 1.0
    longest_wait_s: float = 300.0
    ca: Path | None = None

    def request(self, messages: Sequence[Message]) -> dict[str, Any]:
        """Return the request's body."""
        body = {
            "model": self.model,
            "messages": list(messages),
            "temperature": 0,
            "max_tokens": 1024,
            **self.body,
        }
        return {key: value for key, value in body.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Reply:
    """What the endpoint answered, and what it counted."""

    content: str
    prompt_tokens: int = 0
    completion_tokens: int = 0


class Pace:
    """Lets requests go one after the other, no faster than a rate, and none during a pause."""

    def __init__(self, rate_hz: float) -> None:
        self._gap_s = 1 / rate_hz if rate_hz > 0 else 0.0
        self._next = 0.0

    async def turn(self) -> None:
        """Wait until a request may go."""
        clock = asyncio.get_running_loop().time
        while True:
            now = clock()
            if now >= self._next:
                self._next = now + self._gap_s
                return
            await asyncio.sleep(self._next - now)

    def pause(self, seconds: float) -> None:
        """Let no request go for a while."""
        self._next = max(self._next, asyncio.get_running_loop().time() + seconds)


class ChatEndpoint:
    """An endpoint that is open; used as a context manager."""

    def __init__(self, options: EndpointOptions) -> None:
        self._options = options
        self._url = _full_url(options.url)
        self._pace = Pace(options.rate_hz)
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        options = self._options
        key = {"authorization": f"Bearer {options.api_key}"} if options.api_key else {}
        context = ssl.create_default_context()
        if options.ca is not None:
            _trust(context, options.ca)
        self._session = aiohttp.ClientSession(
            headers={"accept": "application/json", **key},
            timeout=aiohttp.ClientTimeout(total=options.timeout_s),
            connector=aiohttp.TCPConnector(limit=0, ssl=context),
            trust_env=True,
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def ask(self, messages: Sequence[Message]) -> Reply:
        """Send messages, as often as needed.

        Raises:
            EndpointError: If the endpoint will not answer anything.
            RefusedError: If it will not answer this.
            UnansweredError: If it did not answer in all attempts.
        """
        body = self._options.request(messages)
        trying = tenacity.AsyncRetrying(
            retry=tenacity.retry_if_exception(self._is_worth_waiting),
            wait=self._wait,
            stop=tenacity.stop_after_attempt(self._options.attempts),
            reraise=True,
        )
        try:
            return await trying(self._ask_once, body)
        except _BusyError as error:
            raise UnansweredError(str(error)) from error

    def _is_worth_waiting(self, error: BaseException) -> bool:
        if not isinstance(error, _BusyError):
            return False
        return (error.retry_after_s or 0.0) <= self._options.longest_wait_s

    def _wait(self, state: tenacity.RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        if isinstance(error, _BusyError) and error.retry_after_s is not None:
            self._pace.pause(error.retry_after_s)
            return error.retry_after_s
        backoff = tenacity.wait_random_exponential(multiplier=self._options.backoff_s, max=60)
        return backoff(state)

    async def _ask_once(self, body: Mapping[str, Any]) -> Reply:
        if self._session is None:
            message = "the endpoint is not open"
            raise ValueError(message)
        await self._pace.turn()
        try:
            async with self._session.post(self._url, json=body, allow_redirects=False) as response:
                text = await response.text(errors="replace")
        except aiohttp.InvalidURL as error:
            message = f"{self._url} is no URL"
            raise ConfigError(message) from error
        except TimeoutError as error:
            problem = f"{self._url} did not answer within {self._options.timeout_s:g} s"
            raise _BusyError(problem) from error
        except aiohttp.ClientError as error:
            problem = f"{self._url}: {str(error) or type(error).__name__}"
            raise _BusyError(problem) from error
        self._refuse(response.status, response.headers, text)
        return _read_reply(self._url, text)

    def _refuse(self, status: int, headers: Mapping[str, str], text: str) -> None:
        """Raise what a status other than 200 asks for."""
        if status == HTTPStatus.OK:
            return
        problem = f"{self._url} answered HTTP {status}: {_complaint(text)}"
        if status in _FATAL or 300 <= status < 400:  # noqa: PLR2004 redirections
            raise EndpointError(problem)
        if status in _AGAIN or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise _BusyError(problem, _retry_after_s(headers.get("retry-after", "")))
        raise RefusedError(problem)


def _full_url(url: str) -> str:
    url = url.rstrip("/")
    return url if url.endswith(PATH) else f"{url}{PATH}"


def _trust(context: ssl.SSLContext, path: Path) -> None:
    try:
        context.load_verify_locations(cafile=str(path))
    except (OSError, ssl.SSLError) as error:
        message = f"{path}: no certificates to trust: {error}"
        raise ConfigError(message) from error


def _read_reply(url: str, text: str) -> Reply:
    try:
        reply = json.loads(text)
        choice = reply["choices"][0]
        content = choice["message"].get("content")
        usage = reply.get("usage") or {}
        counts = [int(usage.get(f"{side}_tokens") or 0) for side in ("prompt", "completion")]
    except (ValueError, RecursionError, LookupError, TypeError, AttributeError) as error:
        problem = f"{url} answered HTTP 200 with what is no chat completion: {_complaint(text)}"
        raise _BusyError(problem) from error
    return Reply(content if isinstance(content, str) else "", *counts)


def _retry_after_s(value: str) -> float | None:
    """Read ``Retry-After``: seconds, or a date."""
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        until = parsedate_to_datetime(value)
    except ValueError:
        return None
    until = until if until.tzinfo else until.replace(tzinfo=UTC)
    return max(0.0, (until - datetime.now(UTC)).total_seconds())


def _complaint(text: str, most: int = 200) -> str:
    """Return what an error body says, short."""
    try:
        told = json.loads(text)
        said = told["error"]
        said = said["message"] if isinstance(said, dict) else said
    except (ValueError, RecursionError, LookupError, TypeError):
        said = text
    said = " ".join(str(said).split())
    return said if len(said) <= most else f"{said[:most]}…"

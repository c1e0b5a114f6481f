"""Asks an endpoint that speaks OpenAI's chat completions: paced, and again where that may help."""

import asyncio
import json
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar
from urllib.parse import urlsplit

import tenacity

from qrmiddleware.asking.completions import Reply, read_reply
from qrmiddleware.asking.errors import EndpointError, RefusedError, Trouble, UnansweredError
from qrmiddleware.asking.pace import BURST_S, Pace
from qrmiddleware.errors import ConfigError

if TYPE_CHECKING:
    from openai import APIStatusError, AsyncOpenAI

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
_SHOWN: Final = 200

ATTEMPTS: Final = 6
TIMEOUT_S: Final = 60.0

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class EndpointOptions:
    """Where a model is asked, and with how much patience.

    Attributes:
        url: Of the API, such as ``https://api.openai.com/v1``.
        api_key: Sent as a bearer token; empty for none.
        timeout_s: For one whole answer.
        requests_per_minute: At most; 0 for no bound.
        tokens_per_minute: Likewise, by estimate.
        burst_s: What these allow in this time may be sent at once; with 0 requests go one by one.
        attempts: How often one request is sent at most.
        backoff_s: First wait where the endpoint names none; grows twofold with chance.
        longest_wait_s: An endpoint that asks for more patience is given up.
        ca: Certificates to trust beside the system's.
    """

    url: str
    api_key: str = field(default="", repr=False)
    timeout_s: float = TIMEOUT_S
    requests_per_minute: float = 0.0
    tokens_per_minute: float = 0.0
    burst_s: float = BURST_S
    attempts: int = ATTEMPTS
    backoff_s: float = 1.0
    longest_wait_s: float = 300.0
    ca: Path | None = None


class Endpoint:
    """An endpoint that is open; used as an asynchronous context manager."""

    def __init__(self, options: EndpointOptions) -> None:
        self._options = options
        self._client: AsyncOpenAI | None = None
        self._pace: Pace | None = None

    async def __aenter__(self) -> Self:
        options = self._options
        self._client = _client(options)
        self._pace = Pace(options.requests_per_minute, options.tokens_per_minute, options.burst_s)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._client is not None:
            await self._client.close()

    async def ask(self, request: Mapping[str, Any], *, tokens: int = 0) -> Any:  # noqa: ANN401 JSON
        """Send a request, as often as needed; returns the reply's body.

        Args:
            request: Body of a chat completion.
            tokens: How many it may take, for the pace.

        Raises:
            EndpointError: If the endpoint will not answer anything.
            RefusedError: If it does not take this request.
            UnansweredError: If it did not answer in all attempts.
        """
        return await self._persist(request, tokens, lambda body: body)

    async def complete(self, request: Mapping[str, Any], *, tokens: int = 0) -> Reply:
        """Send a request likewise; a reply that is no chat completion is no answer, either."""
        return await self._persist(request, tokens, self._reply)

    async def _persist(
        self, request: Mapping[str, Any], tokens: int, read: Callable[[Any], T]
    ) -> T:
        trying = tenacity.AsyncRetrying(
            retry=tenacity.retry_if_exception(self._is_worth_waiting),
            wait=self._wait,
            stop=tenacity.stop_after_attempt(self._options.attempts),
            reraise=True,
        )

        async def once() -> T:
            return read(await self._ask_once(request, tokens))

        return await trying(once)

    def _reply(self, body: Any) -> Reply:  # noqa: ANN401 JSON
        reply = read_reply(body)
        if reply is None:
            said = _complaint(json.dumps(body))
            detail = (
                f"{self._options.url} answered HTTP 200 with what is no chat completion: {said}"
            )
            raise UnansweredError(Trouble.NO_CHOICE, detail)
        return reply

    def _is_worth_waiting(self, error: BaseException) -> bool:
        if not isinstance(error, UnansweredError):
            return False
        return (error.retry_after_s or 0.0) <= self._options.longest_wait_s

    def _wait(self, state: tenacity.RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        if isinstance(error, UnansweredError) and error.retry_after_s is not None:
            if self._pace is not None:
                self._pace.pause(error.retry_after_s)
            return error.retry_after_s
        backoff = tenacity.wait_random_exponential(multiplier=self._options.backoff_s, max=60)
        return backoff(state)

    async def _ask_once(self, request: Mapping[str, Any], tokens: int) -> Any:  # noqa: ANN401 JSON
        import openai  # noqa: PLC0415 extra `llm`

        if self._client is None or self._pace is None:
            message = "the endpoint is not open"
            raise ValueError(message)
        await self._pace.turn(tokens)
        options = self._options
        asked = _sendable(request)
        try:
            async with asyncio.timeout(options.timeout_s):
                reply = await self._client.chat.completions.with_raw_response.create(
                    model=asked.pop("model", openai.omit),
                    messages=asked.pop("messages", openai.omit),
                    extra_body=asked,
                    extra_headers=None if options.api_key else {"authorization": openai.omit},
                )
        except (TimeoutError, openai.APITimeoutError) as error:
            detail = f"{options.url} did not answer within {options.timeout_s:g} s"
            raise UnansweredError(Trouble.TIMEOUT, detail) from error
        except openai.APIStatusError as error:
            raise _problem(options, error) from error
        except openai.APIConnectionError as error:
            raise UnansweredError(Trouble.CONNECTION, _told(options.url, error)) from error
        return _body(options.url, reply.text)


def _client(options: EndpointOptions) -> "AsyncOpenAI":
    if not all(map(find_spec, ("aiolimiter", "openai"))):
        message = "asking a language model needs openai: pip install 'qrmiddleware[llm]'"
        raise ConfigError(message)
    import openai  # noqa: PLC0415 extra `llm`

    if not _is_url(options.url):
        message = f"endpoint {options.url!r} is no URL; it looks like http://localhost:8000/v1"
        raise ConfigError(message)
    if not all("!" <= character <= "~" for character in options.api_key):
        message = "the API's key has characters that no header holds, such as blanks"
        raise ConfigError(message)
    trusted = ssl.create_default_context()
    if options.ca is not None:
        try:
            trusted.load_verify_locations(cafile=str(options.ca))
        except (OSError, ssl.SSLError) as error:
            message = f"{options.ca}: no certificates to trust: {error}"
            raise ConfigError(message) from error
    return openai.AsyncOpenAI(
        base_url=options.url.rstrip("/").removesuffix("/chat/completions"),
        api_key=options.api_key or "none",
        timeout=options.timeout_s,
        max_retries=0,
        http_client=openai.DefaultAsyncHttpxClient(verify=trusted, follow_redirects=False),
    )


def _is_url(text: str) -> bool:
    try:
        url = urlsplit(text)
        return url.scheme in {"http", "https"} and bool(url.hostname) and url.port != 0
    except ValueError:  # of a port that is none
        return False


def _sendable(request: Mapping[str, Any]) -> dict[str, Any]:
    """Copy a request, without halves of characters, which UTF-8 cannot hold."""
    copy: dict[str, Any] = json.loads(
        json.dumps(request, ensure_ascii=False).encode(errors="replace")
    )
    return copy


def _body(url: str, text: str) -> Any:  # noqa: ANN401 any JSON
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        detail = f"{url} answered HTTP 200 with what is no JSON: {_short(text)!r}"
        raise UnansweredError(Trouble.NO_JSON, detail) from error


def _problem(options: EndpointOptions, error: "APIStatusError") -> Exception:
    """Return what a status other than 200 asks for; an answer that quotes the key is masked."""
    status = error.status_code
    said = error.response.text
    said = said.replace(options.api_key, "***") if options.api_key else said
    told = f"{options.url} answered HTTP {status}: {_complaint(said)}"
    if status in _FATAL or 300 <= status < 400:  # noqa: PLR2004 redirections
        return EndpointError(told)
    if error.code == "insufficient_quota":  # a 429 that no patience mends
        return EndpointError(told)
    if status in _AGAIN or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        busy = status == HTTPStatus.TOO_MANY_REQUESTS
        trouble = Trouble.RATE_LIMITED if busy else Trouble.SERVER_ERROR
        return UnansweredError(trouble, told, _retry_after_s(error.response.headers))
    return RefusedError(told)


def _told(url: str, error: Exception) -> str:
    cause = error.__cause__ or error
    return f"{url}: {str(cause) or type(cause).__name__}"


def _retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Read ``Retry-After``: seconds or a date; or milliseconds, as OpenAI's own say."""
    try:
        return max(0.0, float(headers.get("retry-after-ms", "")) / 1000)
    except ValueError:
        pass
    value = headers.get("retry-after", "")
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


def _complaint(text: str) -> str:
    """Return what an error body says, short."""
    try:
        told = json.loads(text)
        said = told["error"]
        said = said["message"] if isinstance(said, dict) else said
    except (ValueError, RecursionError, LookupError, TypeError):
        said = text
    return _short(" ".join(str(said).split()))


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"

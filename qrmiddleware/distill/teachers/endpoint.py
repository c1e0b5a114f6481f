"""Asks an endpoint that speaks OpenAI's chat completions: paced, and again where that may help."""

import asyncio
import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

import tenacity

from qrmiddleware.distill.labels import LabellingError
from qrmiddleware.distill.teachers.answers import AnswerError, Reason
from qrmiddleware.distill.teachers.pace import Pace
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


class BusyError(AnswerError):
    """The endpoint did not answer, and may if it is asked again.

    Attributes:
        retry_after_s: When, if it said so.
    """

    def __init__(self, reason: Reason, detail: str, retry_after_s: float | None = None) -> None:
        super().__init__(reason, detail)
        self.retry_after_s = retry_after_s


class RejectedError(AnswerError):
    """The endpoint takes no request like this one."""


@dataclass(frozen=True, slots=True)
class EndpointOptions:
    """Where a model is asked, and with how much patience.

    Attributes:
        url: Of the API, such as ``https://api.openai.com/v1``.
        api_key: Sent as a bearer token; empty for none.
        timeout_s: For one whole answer.
        requests_per_minute: At most; 0 for no bound.
        tokens_per_minute: Likewise, by estimate.
        attempts: How often one request is sent at most.
        backoff_s: First wait where the endpoint names none; grows twofold with chance.
        longest_wait_s: An endpoint that asks for more patience is given up.
        ca: Certificates to trust beside the system's.
    """

    url: str
    api_key: str = field(default="", repr=False)
    timeout_s: float = 60.0
    requests_per_minute: float = 0.0
    tokens_per_minute: float = 0.0
    attempts: int = 5
    backoff_s: float = 1.0
    longest_wait_s: float = 120.0
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
        self._pace = Pace(options.requests_per_minute, options.tokens_per_minute)
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
            LabellingError: If the endpoint will not answer anything: key, path or model are wrong.
            RejectedError: If it does not take this request.
            BusyError: If it did not answer in all attempts.
        """
        trying = tenacity.AsyncRetrying(
            retry=tenacity.retry_if_exception(self._is_worth_waiting),
            wait=self._wait,
            stop=tenacity.stop_after_attempt(self._options.attempts),
            reraise=True,
        )
        return await trying(self._ask_once, request, tokens)

    def _is_worth_waiting(self, error: BaseException) -> bool:
        if not isinstance(error, BusyError):
            return False
        return (error.retry_after_s or 0.0) <= self._options.longest_wait_s

    def _wait(self, state: tenacity.RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        if isinstance(error, BusyError) and error.retry_after_s is not None:
            if self._pace is not None:
                self._pace.pause(error.retry_after_s)
            return error.retry_after_s
        backoff = tenacity.wait_random_exponential(multiplier=self._options.backoff_s, max=60)
        return backoff(state)

    async def _ask_once(self, request: Mapping[str, Any], tokens: int) -> Any:  # noqa: ANN401 JSON
        import openai  # noqa: PLC0415 extra `teacher`

        if self._client is None or self._pace is None:
            message = "the endpoint is not open"
            raise ValueError(message)
        await self._pace.turn(tokens)
        options = self._options
        more = {key: value for key, value in request.items() if key not in {"model", "messages"}}
        try:
            async with asyncio.timeout(options.timeout_s):
                reply = await self._client.chat.completions.with_raw_response.create(
                    model=request["model"], messages=request["messages"], extra_body=more
                )
        except (TimeoutError, openai.APITimeoutError) as error:
            detail = f"{options.url} did not answer within {options.timeout_s:g} s"
            raise BusyError(Reason.TIMEOUT, detail) from error
        except openai.APIStatusError as error:
            raise _problem(options, error) from error
        except openai.APIConnectionError as error:
            raise BusyError(Reason.CONNECTION, _told(options.url, error)) from error
        return _body(options.url, reply.text)


def _client(options: EndpointOptions) -> "AsyncOpenAI":
    try:
        import openai  # noqa: PLC0415 extra `teacher`
    except ImportError as error:
        message = "a language model as teacher needs openai: pip install 'qrmiddleware[teacher]'"
        raise ConfigError(message) from error
    if not options.url.startswith(("http://", "https://")):
        message = f"endpoint {options.url!r} is no URL; it looks like http://localhost:8000/v1"
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
        http_client=openai.DefaultAsyncHttpxClient(verify=trusted),
    )


def _body(url: str, text: str) -> Any:  # noqa: ANN401 any JSON
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        detail = f"{url} answered HTTP 200 with what is no JSON: {_short(text)!r}"
        raise BusyError(Reason.NO_JSON, detail) from error


def _problem(options: EndpointOptions, error: "APIStatusError") -> Exception:
    """Return what a status other than 200 asks for; an answer that quotes the key is masked."""
    status = error.status_code
    said = error.response.text
    said = said.replace(options.api_key, "***") if options.api_key else said
    told = f"{options.url} answered HTTP {status}: {_complaint(said)}"
    if status in _FATAL or 300 <= status < 400:  # noqa: PLR2004 redirections
        return LabellingError(told)
    if error.code == "insufficient_quota":  # a 429 that no patience mends
        return LabellingError(told)
    if status in _AGAIN or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        busy = status == HTTPStatus.TOO_MANY_REQUESTS
        reason = Reason.RATE_LIMITED if busy else Reason.SERVER_ERROR
        return BusyError(reason, told, _retry_after_s(error.response.headers))
    return RejectedError(Reason.REJECTED, told)


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

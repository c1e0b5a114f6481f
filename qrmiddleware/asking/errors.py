"""What comes of asking in place of an answer."""

from enum import StrEnum

from qrmiddleware.errors import QrmError


class Trouble(StrEnum):
    """Why there was no answer, in words that are counted."""

    RATE_LIMITED = "rate limited"
    SERVER_ERROR = "server error"
    TIMEOUT = "timeout"
    CONNECTION = "connection"
    NO_JSON = "no JSON"
    NO_CHOICE = "no choice"


class EndpointError(QrmError):
    """The endpoint will not answer anything: key, path or model are wrong."""


class RefusedError(QrmError):
    """The endpoint will not answer this request, however often it is sent."""


class UnansweredError(QrmError):
    """The endpoint did not answer in all attempts; it may later.

    Attributes:
        trouble: Of which kind the last attempt's was.
        retry_after_s: When it may answer, if it said so.
    """

    def __init__(self, trouble: Trouble, detail: str, retry_after_s: float | None = None) -> None:
        super().__init__(detail)
        self.trouble = trouble
        self.retry_after_s = retry_after_s

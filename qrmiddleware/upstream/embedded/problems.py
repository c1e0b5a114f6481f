"""Answers to what cannot be done: Elasticsearch's errors, in its shape."""

import sqlite3
from typing import Any

from qrmiddleware.errors import RequestError


class ApiError(RequestError):
    """A request that is answered with an error in Elasticsearch's shape.

    Attributes:
        status: The HTTP status.
        kind: Elasticsearch's name for the error, such as ``"parsing_exception"``.
        reason: What was found, for people.
        details: Further members of the error object.
    """

    def __init__(self, kind: str, reason: str, *, status: int = 400, **details: object) -> None:
        super().__init__(reason)
        self.kind = kind
        self.reason = reason
        self.status = status
        self.details = details

    def cause(self) -> dict[str, Any]:
        """The error object alone, as bulk items carry it."""
        return {"type": self.kind, "reason": self.reason, **self.details}

    def body(self) -> dict[str, Any]:
        """The whole answer."""
        return {"error": {"root_cause": [self.cause()], **self.cause()}, "status": self.status}


def unsupported(what: str, name: str) -> ApiError:
    """The refusal of a feature that only the real engines have, by its name."""
    return ApiError(
        "illegal_argument_exception",
        f"the embedded engine does not support {what} [{name}]; "
        "use Elasticsearch or OpenSearch for it",
    )


def illegal(reason: str) -> ApiError:
    """An argument that no engine could take."""
    return ApiError("illegal_argument_exception", reason)


def unparsable(reason: str) -> ApiError:
    """A body that is not what the endpoint reads."""
    return ApiError("parsing_exception", reason)


def unparsable_document(reason: str) -> ApiError:
    """A document that the mapping cannot take."""
    return ApiError("document_parsing_exception", reason)


def index_not_found(name: str) -> ApiError:
    """The 404 for an index that is not there."""
    return ApiError(
        "index_not_found_exception",
        f"no such index [{name}]",
        status=404,
        **{
            "resource.type": "index_or_alias",
            "resource.id": name,
            "index_uuid": "_na_",
            "index": name,
        },
    )


def unkept(error: sqlite3.Error) -> ApiError:
    """The refusal of a write that the disk does not take; searches go on."""
    if error.sqlite_errorcode == sqlite3.SQLITE_FULL:
        reason = "the disk is full, nothing was written; make room, and write again"
        return ApiError("cluster_block_exception", reason, status=429)
    return ApiError("exception", f"the documents cannot be read or written: {error}", status=500)

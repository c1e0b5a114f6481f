"""One request to the engine, and its answer, apart from HTTP's details."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from qrmiddleware.upstream.embedded.catalog import Catalog
from qrmiddleware.upstream.embedded.problems import illegal, unparsable
from qrmiddleware.upstream.embedded.values import Json


@dataclass(frozen=True, slots=True)
class Call:
    """A request that has found its endpoint.

    Attributes:
        catalog: The indices.
        parts: What the path holds in the place of the endpoint's ``{names}``.
        params: The query string.
        body: As it came, without content encoding.
    """

    catalog: Catalog
    parts: Mapping[str, str] = field(default_factory=dict[str, str])
    params: Mapping[str, str] = field(default_factory=dict[str, str])
    body: bytes = b""

    def json(self) -> dict[str, Any]:
        """The body as an object; empty where there is none.

        Raises:
            ApiError: If it is not a JSON object.
        """
        body = self.body or self.params.get("source", "").encode()
        return read_object(body) if body.strip() else {}

    def flag(self, name: str, *, default: bool = False) -> bool:
        """A parameter that is true or false.

        Raises:
            ApiError: If it is something else.
        """
        value = self.params.get(name)
        if value not in {None, "", "true", "false"}:
            raise illegal(
                reason=f"Failed to parse value [{value}] as only [true] or [false] are allowed."
            )
        return default if value is None else value != "false"


@dataclass(frozen=True, slots=True)
class Answer:
    """What is answered: JSON, or text where ``body`` is a string."""

    body: Json
    status: int = 200


def read_object(text: bytes) -> dict[str, Any]:
    """Decode a JSON object.

    Raises:
        ApiError: If it is not one.
    """
    try:
        decoded = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise unparsable(reason=f"malformed JSON: {error}") from error
    if not isinstance(decoded, dict):
        raise unparsable(reason=f"Expected [START_OBJECT] but found [{type(decoded).__name__}]")
    return decoded

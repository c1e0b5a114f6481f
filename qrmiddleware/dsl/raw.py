"""JSON whose parts stay bytes until somebody needs them."""

import json
import re
from collections.abc import Callable
from typing import Any, TypeAlias

import msgspec

Json: TypeAlias = Any
"""A JSON value, read whole."""

RawObject: TypeAlias = dict[str, msgspec.Raw]
"""A JSON object: its keys in order, its values as the bytes that came."""

_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ARRAY = msgspec.json.Decoder(list[msgspec.Raw])
_VALUE: msgspec.json.Decoder[Json] = msgspec.json.Decoder()
_ENCODER = msgspec.json.Encoder()
_ESCAPED_COLON = re.compile(rb"\\u003[aA]")


class NotJsonError(ValueError):
    """The bytes are not the JSON that was looked for; never reaches a client."""


def guarded(decode: Callable[[bytes | msgspec.Raw], Json], data: bytes | msgspec.Raw) -> Json:
    """Decode; raises nothing but ``NotJsonError``, whatever the bytes are."""
    try:
        return decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise NotJsonError(str(error)) from error


def read_object(data: bytes | msgspec.Raw) -> RawObject:
    """Read an object one level deep; raises ``NotJsonError``."""
    members: RawObject = guarded(_OBJECT.decode, data)
    return members


def read_array(data: bytes | msgspec.Raw) -> list[msgspec.Raw]:
    """Read an array one level deep; raises ``NotJsonError``."""
    items: list[msgspec.Raw] = guarded(_ARRAY.decode, data)
    return items


def read_value(data: bytes | msgspec.Raw) -> Json:
    """Read a value whole; raises ``NotJsonError``."""
    return guarded(_VALUE.decode, data)


def read_strictly(read: Callable[[bytes | msgspec.Raw], Json], data: bytes | msgspec.Raw) -> Json:
    """Read with one of the above what an engine is to read otherwise, if at all.

    Engines refuse objects that say a key twice; here the last one would win, and a body written
    from it would be answered.

    Raises:
        NotJsonError: As ``read`` does, or if a key is said twice.
    """
    value = read(data)
    text = bytes(data)
    # What is written again has as many colons, unless a member was lost or a colon was escaped.
    is_whole = text.count(b":") == _ENCODER.encode(value).count(b":")
    if not (is_whole and _ESCAPED_COLON.search(text) is None) and _repeats_key(text):
        problem = "a key is said twice"
        raise NotJsonError(problem)
    return value


def _repeats_key(text: bytes) -> bool:
    repeats = False

    def note(pairs: list[tuple[str, Json]]) -> None:
        nonlocal repeats
        repeats = repeats or len({key for key, _ in pairs}) < len(pairs)

    try:
        json.loads(text, object_pairs_hook=note)
    except (ValueError, RecursionError) as error:  # of a part that was not read yet
        raise NotJsonError(str(error)) from error
    return repeats


def write(value: object) -> bytes:
    """Write a value; ``Raw`` parts leave as they came."""
    return _ENCODER.encode(value)


def raw(value: object) -> msgspec.Raw:
    """Write a value for use as a part of another."""
    return msgspec.Raw(_ENCODER.encode(value))


def pretty(data: bytes) -> bytes:
    """Indent JSON by two spaces, as the engines do for ``?pretty``."""
    return msgspec.json.format(data, indent=2) + b"\n"

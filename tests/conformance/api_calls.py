"""Calls such as ``{search: {index: test, body: …}}``, as HTTP requests; and their responses."""

import http.client
import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote, urlencode, urlsplit

import yaml
import yaml_suite

_TIMEOUT_S: Final = 60
_IN_PATHS: Final = "!$&'()*+,;=:@"
_BULKY: Final = "bulk"


class ParameterError(Exception):
    """The API does not know a parameter, or lacks one that it needs."""


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes | None = None


@dataclass(frozen=True, slots=True)
class Response:
    """One HTTP response.

    Attributes:
        status: Its code.
        headers: All of them, names in lower case.
        text: The body as it came.
        body: The body as JSON or YAML says it; the text, where it is neither.
    """

    status: int
    headers: Sequence[tuple[str, str]]
    text: str
    body: Any

    def values(self, name: str) -> list[str]:
        """Every value of a header."""
        return [value for key, value in self.headers if key == name]


def request_of(
    apis: Mapping[str, Mapping[str, Any]],
    api: str,
    arguments: Mapping[str, Any],
    headers: Mapping[str, str],
    *,
    turn: str = "",
) -> Request:
    """Write the request of one call.

    Args:
        apis: The descriptions of all APIs.
        api: Name of the one that is called.
        arguments: By parameter; ``body`` is the request's body.
        headers: Of the call.
        turn: Chooses among methods that do the same; the same for the same text.

    Raises:
        ParameterError: If an argument is unknown, or a part of the path is missing.
    """
    spec = apis.get(api)
    if spec is None:
        problem = f"there is no API {api}"
        raise ParameterError(problem)
    given = {key: value for key, value in arguments.items() if value is not None}
    body = given.pop("body", None)
    way, parts = _way(spec, api, given)
    parameters = {key: _spelt(value) for key, value in given.items() if key not in parts}
    known = {*spec.get("params", ()), *apis["_common"]["params"]}
    if unknown := sorted(parameters.keys() - known):
        problem = f"{api} knows no parameter {', '.join(unknown)}"
        raise ParameterError(problem)
    methods = sorted(way["methods"])
    method = methods[zlib.crc32(turn.encode()) % len(methods)]
    path = way["path"]
    for part in parts:
        path = path.replace(f"{{{part}}}", quote(_spelt(given[part]), safe=_IN_PATHS))
    target = f"{path}?{urlencode(parameters)}" if parameters else path
    return _with_body(Request(method, target, headers), body)


def _way(
    spec: Mapping[str, Any], api: str, given: Mapping[str, Any]
) -> tuple[Mapping[str, Any], set[str]]:
    """Return the path with the most parts that are all given, and these parts."""
    ways = [(way, set(way.get("parts", ()))) for way in spec["url"]["paths"]]
    fitting = [(way, parts) for way, parts in ways if parts <= given.keys()]
    if not fitting:
        problem = f"{api} needs more than {', '.join(given) or 'nothing'}"
        raise ParameterError(problem)
    return max(fitting, key=lambda each: len(each[1]))


def _spelt(value: Any) -> str:
    if isinstance(value, list):
        return ",".join(map(_spelt, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


def _with_body(request: Request, body: Any) -> Request:
    if body is None:
        return request
    headers = {key.lower(): value for key, value in request.headers.items()}
    if isinstance(body, list):
        kind, text = "application/x-ndjson", "".join(f"{_line(each)}\n" for each in body)
    elif "yaml" in headers.get("content-type", ""):
        kind, text = "application/yaml", yaml.safe_dump(body)
    else:
        kind, text = "application/json", _line(body)
    headers.setdefault("content-type", kind)
    return Request(request.method, request.target, headers, text.encode())


def _line(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


class Connection:
    """A connection to a server, kept from one request to the next."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._connection = http.client.HTTPConnection(
            parts.hostname or "", parts.port, timeout=_TIMEOUT_S
        )

    def send(self, request: Request) -> Response:
        """Ask, and read the whole answer; raises ``ConnectionError`` if none comes."""
        connection = self._connection
        try:
            connection.request(request.method, request.target, request.body, dict(request.headers))
            answer = connection.getresponse()
            data = answer.read()
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise ConnectionError(repr(error)) from error
        headers = [(name.lower(), value) for name, value in answer.getheaders()]
        return response_of(answer.status, headers, data)

    def close(self) -> None:
        """Close it."""
        self._connection.close()


def response_of(status: int, headers: Sequence[tuple[str, str]], data: bytes) -> Response:
    """Read a response."""
    text = data.decode()
    kind = dict(headers).get("content-type", "")
    body: Any = text
    if text and "json" in kind:
        body = json.loads(text)
    elif text and "yaml" in kind:
        body = yaml_suite.read_yaml(text)
    return Response(status, headers, text, body)

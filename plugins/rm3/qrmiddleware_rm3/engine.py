"""Asks the engine for first hits, and in how many documents a word stands."""

import os
import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from time import monotonic
from typing import Any, Final
from urllib.parse import quote

import msgspec
from elastic_transport import ConnectionTimeout, NodeConfig, Transport
from elastic_transport.client_utils import url_to_node_config

from qrmiddleware import ConfigError, UpstreamError
from qrmiddleware_rm3.feedback import Document, words_of

_HEADERS: Final = {"accept": "application/json", "x-qrm-pipeline": "_none"}
"""A proxy of ours, if one is asked, must not widen this search in turn."""
_JSON: Final = "application/json"
_LINES: Final = "application/x-ndjson"
_COUNTED_S: Final = 600.0
_REMEMBERED: Final = 100_000
_SHOWN: Final = 200


@dataclass(frozen=True, slots=True)
class Access:
    """How an engine is reached.

    Attributes:
        url: Of a node.
        api_key_env: Environment variable with an API key, encoded; empty for none.
        ca_certs: PEM file that vouches for its certificate; the system's authorities without.
        verify_certs: Whether the certificate is checked.
    """

    url: str
    api_key_env: str = ""
    ca_certs: Path | None = None
    verify_certs: bool = True

    def open(self) -> Transport:
        """Return a way to it that is never retried.

        Raises:
            ConfigError: If the URL makes no sense, or the environment lacks the key.
        """
        headers = dict(_HEADERS)
        if self.api_key_env:
            if self.api_key_env not in os.environ:
                problem = f"the environment has no {self.api_key_env}, which api_key_env names"
                raise ConfigError(problem)
            headers["authorization"] = f"ApiKey {os.environ[self.api_key_env]}"
        try:
            node: NodeConfig = url_to_node_config(self.url, use_default_ports_for_scheme=True)
        except ValueError as error:
            problem = "url is none of an engine, such as http://localhost:9200"
            raise ConfigError(problem) from error
        secure: dict[str, Any] = {}
        if node.scheme == "https":
            secure = {"verify_certs": self.verify_certs, "ssl_show_warn": False}
            if self.ca_certs is not None:
                secure["ca_certs"] = str(self.ca_certs)
        node = node.replace(headers={**node.headers, **headers}, connections_per_node=32, **secure)
        return Transport([node], max_retries=0)


class Engine:
    """One engine; may be asked from many threads at once."""

    def __init__(self, access: Access) -> None:
        self._transport = access.open()
        self._lock = threading.Lock()
        self._sizes: dict[str, tuple[int, float]] = {}
        self._common: OrderedDict[tuple[str, str, int], bool] = OrderedDict()

    def close(self) -> None:
        """Let go of connections."""
        self._transport.close()

    def first_hits(
        self, index: str, text: str, fields: Sequence[str], *, size: int, timeout_s: float
    ) -> tuple[Document, ...]:
        """Return the first hits of a query, with the words of their fields.

        Args:
            index: Index expression; empty for all.
            text: The query.
            fields: Searched and read; with ``^boost`` where that is wanted.
            size: How many hits, at most.
            timeout_s: Longest time to wait.

        Raises:
            UpstreamError: If the engine refuses, fails, or takes too long.
        """
        names = [field.partition("^")[0] for field in fields]
        body = {
            "query": {"multi_match": {"query": text, "fields": list(fields)}},
            "size": size,
            "track_total_hits": False,
            "_source": names,
        }
        reply = self._ask(f"{_at(index)}/_search", body, timeout_s)
        return tuple(
            Document(_words(hit.get("_source") or {}, names), max(0.0, hit["_score"] or 0.0))
            for hit in reply["hits"]["hits"]
        )

    def rare(
        self,
        index: str,
        words: Sequence[str],
        fields: Sequence[str],
        *,
        share: float,
        timeout_s: float,
    ) -> tuple[str, ...]:
        """Return the words that stand in no more than a share of the documents.

        Counting stops where that is exceeded. What is known of a word is kept, and counted anew
        when the index has become another size.

        Args:
            index: Index expression; empty for all.
            words: Which.
            fields: Where they are looked for.
            share: Of all documents, 0 to 1.
            timeout_s: Longest time to wait for each of two answers.

        Raises:
            UpstreamError: If the engine refuses, fails, or takes too long.
        """
        limit = int(share * self._size(index, timeout_s))
        known = {word: self._known((index, word, limit)) for word in words}
        unknown = [word for word, common in known.items() if common is None]
        if unknown:
            found = self._counts(index, unknown, fields, limit=limit + 1, timeout_s=timeout_s)
            for word, count in zip(unknown, found, strict=True):
                known[word] = count > limit
                self._remember((index, word, limit), common=count > limit)
        return tuple(word for word in words if not known[word])

    def _size(self, index: str, timeout_s: float) -> int:
        size, counted = self._sizes.get(index, (0, 0.0))
        if not counted or monotonic() - counted > _COUNTED_S:
            size = int(self._ask(f"{_at(index)}/_count", {}, timeout_s)["count"])
            self._sizes[index] = (size, monotonic())
        return size

    def _counts(
        self,
        index: str,
        words: Sequence[str],
        fields: Sequence[str],
        *,
        limit: int,
        timeout_s: float,
    ) -> list[int]:
        names = [field.partition("^")[0] for field in fields]
        lines = [
            line
            for word in words
            for line in (
                {},
                {
                    "query": {"multi_match": {"query": word, "fields": names}},
                    "size": 0,
                    "track_total_hits": limit,
                },
            )
        ]
        data = b"".join(msgspec.json.encode(line) + b"\n" for line in lines)
        reply = self._ask(f"{_at(index)}/_msearch", data, timeout_s, kind=_LINES)
        answers = reply["responses"]
        failed = next((each["error"] for each in answers if "error" in each), None)
        if failed is not None:
            raise UpstreamError(f"counting words failed: {failed!s:.{_SHOWN}}")  # noqa: EM102, TRY003
        return [int(each["hits"]["total"]["value"]) for each in answers]

    def _known(self, key: tuple[str, str, int]) -> bool | None:
        with self._lock:
            if key in self._common:
                self._common.move_to_end(key)
            return self._common.get(key)

    def _remember(self, key: tuple[str, str, int], *, common: bool) -> None:
        with self._lock:
            self._common[key] = common
            if len(self._common) > _REMEMBERED:
                self._common.popitem(last=False)

    def _ask(self, target: str, body: object, timeout_s: float, *, kind: str = _JSON) -> Any:  # noqa: ANN401 JSON
        try:
            meta, reply = self._transport.perform_request(
                "POST",
                target,
                body=body,
                headers={"content-type": kind},
                request_timeout=timeout_s,
            )
        except ConnectionTimeout as error:
            message = f"the engine did not answer {target} within {timeout_s * 1000:.0f} ms"
            raise UpstreamError(message, status=504) from error
        if meta.status >= HTTPStatus.BAD_REQUEST:
            message = f"the engine answered {target} with {meta.status}: {reply!s:.{_SHOWN}}"
            raise UpstreamError(message, status=502)
        return reply


def _at(index: str) -> str:
    return f"/{quote(index, safe=',*-')}" if index else ""


def _words(source: Mapping[str, Any], fields: Sequence[str]) -> tuple[str, ...]:
    return tuple(
        word for field in fields for text in _texts(source, field) for word in words_of(text)
    )


def _texts(value: object, path: str) -> Iterator[str]:
    """Yield the texts at a path, through objects and lists."""
    if isinstance(value, list):
        for each in value:
            yield from _texts(each, path)
    elif not path:
        if isinstance(value, str):
            yield value
    elif isinstance(value, Mapping):
        if path in value:
            yield from _texts(value[path], "")
            return
        head, _, rest = path.partition(".")
        if rest and head in value:
            yield from _texts(value[head], rest)

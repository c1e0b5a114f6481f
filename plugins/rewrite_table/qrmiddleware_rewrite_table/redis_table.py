"""A rewrite table in Redis, in generations: a new one is written whole, then switched to.

Keys, for the prefix ``qrm:rewrites``::

    qrm:rewrites:current             id of the generation in use
    qrm:rewrites:{id}:metadata       hash, the fields of Metadata
    qrm:rewrites:{id}:{bucket}       hash, normalised query -> JSON [[text, score], …], best first

Queries are spread over buckets, so that no key grows large enough to block Redis when it expires.
"""

import itertools
import json
import os
import secrets
import time
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any, Final
from urllib.parse import urlsplit

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from qrmiddleware import ConfigError
from qrmiddleware_rewrite_table.normalise import normaliser
from qrmiddleware_rewrite_table.table import Entry, Metadata, Scored

SCHEMES: Final = ("redis", "rediss", "unix")
BUCKETS: Final = 4096
BATCH: Final = 2000
CHECK_EVERY_S: Final = 1.0
UNFINISHED_EXPIRES_S: Final = 3600
OLD_EXPIRES_S: Final = 300


@dataclass(frozen=True, slots=True)
class RedisPlace:
    """Where in which Redis a table is.

    Attributes:
        url: ``redis://``, ``rediss://`` or ``unix://``; kept out of every message but for the host.
        prefix: What the table's keys begin with.
        password_env: Name of the environment variable that holds the password; empty for none.
        timeout_ms: For connecting and for each answer.
    """

    url: str
    prefix: str
    password_env: str = ""
    timeout_ms: int = 5000

    def __post_init__(self) -> None:
        try:
            known = urlsplit(self.url).scheme in SCHEMES and urlsplit(self.url).port != 0
        except ValueError:
            known = False
        if not known:
            message = f"a Redis URL looks like redis://host:6379/0; schemes: {', '.join(SCHEMES)}"
            raise ConfigError(message)

    def connect(self) -> redis.Redis:
        """Make a client; it connects at its first command.

        Raises:
            ConfigError: If the environment variable is not set or the URL cannot be read.
        """
        options: dict[str, Any] = {}
        if self.password_env:
            if self.password_env not in os.environ:
                message = f"the password of {self} is not set: export {self.password_env}=…"
                raise ConfigError(message)
            options["password"] = os.environ[self.password_env]
        try:
            return redis.Redis.from_url(
                self.url,
                decode_responses=True,
                socket_timeout=self.timeout_ms / 1000,
                socket_connect_timeout=self.timeout_ms / 1000,
                # once more, at once, over a new connection: the idle one may have gone stale
                retry=Retry(NoBackoff(), 1, supported_errors=(redis.ConnectionError,)),
                **options,
            )
        except ValueError as error:
            message = f"{self}: {error}"
            raise ConfigError(message) from error

    def open(self) -> "RedisTable":
        """Make the table that is here; nothing is asked before its first use."""
        return RedisTable(self)

    def publish(self, entries: Iterable[Entry], metadata: Metadata) -> None:
        """Write a new generation and switch to it; the old one expires five minutes later.

        Until the switch the new one carries an expiry: what an interrupted import wrote goes away.

        Args:
            entries: The rewrites of one query together and best first, queries normalised.
            metadata: Of the same entries.
        """
        name = secrets.token_hex(6)
        prefix = f"{self.prefix}:{name}"
        with readable_errors(self), self.connect() as client:
            written = _write_metadata(client, prefix, metadata)
            by_query = itertools.groupby(entries, key=lambda entry: entry.query)
            values = (
                (query, json.dumps([entry[1:] for entry in group], ensure_ascii=False))
                for query, group in by_query
            )
            while batch := list(itertools.islice(values, BATCH)):
                written |= _write_batch(client, prefix, batch)
            _persist(client, written)
            old = client.set(f"{self.prefix}:current", name, get=True)
            if isinstance(old, str):
                _expire_generation(client, f"{self.prefix}:{old}")

    def __str__(self) -> str:
        url = urlsplit(self.url)
        port = f":{url.port}" if url.port else ""
        return f"{url.scheme}://{url.hostname or ''}{port}{url.path} ({self.prefix}:*)"


@dataclass(frozen=True, slots=True)
class _Generation:
    prefix: str
    metadata: Metadata
    normalise: Callable[[str], str]

    def bucket(self, query: str) -> str:
        return _bucket(self.prefix, query)


def _bucket(prefix: str, query: str) -> str:
    return f"{prefix}:{zlib.crc32(query.encode()) % BUCKETS}"


class RedisTable:
    """Reads the current generation; which one that is, is asked once a second."""

    def __init__(self, place: RedisPlace, *, check_every_s: float = CHECK_EVERY_S) -> None:
        self._place = place
        self._check_every_s = check_every_s
        self._client: redis.Redis | None = None
        self._generation: _Generation | None = None
        self._ask_again = 0.0

    def find(self, query: str, *, limit: int) -> list[Scored]:
        """Look a query up as the user typed it; best first, at most ``limit``."""
        with self._errors():
            generation = self._current()
            key = generation.normalise(query)
            value = self._connected().hget(generation.bucket(key), key)
        pairs = json.loads(value) if isinstance(value, str) else []
        return [Scored(text, score) for text, score in pairs[:limit]]

    def check(self) -> Metadata:
        """Ask for the current generation's metadata."""
        with self._errors():
            return self._current().metadata

    def entries(self) -> Iterator[Entry]:
        """Go through the table, bucket by bucket, the rewrites of one query together."""
        with self._errors():
            generation = self._current()
            for bucket in range(BUCKETS):
                queries = self._connected().hscan_iter(f"{generation.prefix}:{bucket}", count=BATCH)
                for query, value in dict(queries).items():
                    for text, score in json.loads(value):
                        yield Entry(query, text, score)

    def close(self) -> None:
        """Close the connections."""
        client, self._client, self._generation = self._client, None, None
        if client is not None:
            client.close()

    def _connected(self) -> redis.Redis:
        if self._client is None:
            self._client = self._place.connect()
        return self._client

    def _current(self) -> _Generation:
        known = self._generation
        now = time.monotonic()
        if known is not None and now < self._ask_again:
            return known
        name: Any = self._connected().get(f"{self._place.prefix}:current")
        prefix = f"{self._place.prefix}:{name}"
        if known is None or known.prefix != prefix:
            known = self._read_generation(prefix)
            self._generation = known
        self._ask_again = now + self._check_every_s
        return known

    def _read_generation(self, prefix: str) -> _Generation:
        self._generation = None
        values: Any = self._connected().hgetall(f"{prefix}:metadata")
        try:
            metadata = Metadata.from_strings(values)
        except (KeyError, ValueError):
            message = (
                f"there is no rewrite table at {self._place}. "
                f"Make one with: qrm table import rewrites.tsv --to redis://…"
            )
            raise ConfigError(message) from None
        normalise = normaliser(metadata.normalisation, table=str(self._place))
        return _Generation(prefix, metadata, normalise)

    @contextmanager
    def _errors(self) -> Iterator[None]:
        with readable_errors(self._place):
            yield


@contextmanager
def readable_errors(place: RedisPlace) -> Iterator[None]:
    """Turn the client's errors into ``ConfigError`` that says which Redis it was."""
    try:
        yield
    except redis.RedisError as error:
        message = f"the rewrite table at {place} cannot be read or written: {error}"
        raise ConfigError(message) from error


def _write_metadata(client: redis.Redis, prefix: str, metadata: Metadata) -> set[str]:
    key = f"{prefix}:metadata"
    client.hset(key, mapping={name: str(value) for name, value in asdict(metadata).items()})
    client.expire(key, UNFINISHED_EXPIRES_S)
    return {key}


def _write_batch(client: redis.Redis, prefix: str, batch: list[tuple[str, str]]) -> set[str]:
    buckets: dict[str, dict[Any, Any]] = {}
    for query, value in batch:
        buckets.setdefault(_bucket(prefix, query), {})[query] = value
    with client.pipeline(transaction=False) as pipe:
        for bucket, values in buckets.items():
            pipe.hset(bucket, mapping=values)
            pipe.expire(bucket, UNFINISHED_EXPIRES_S)
        pipe.execute()
    return set(buckets)


def _persist(client: redis.Redis, keys: set[str]) -> None:
    with client.pipeline(transaction=False) as pipe:
        for key in keys:
            pipe.persist(key)
        if not all(pipe.execute()):
            message = "the import took so long that what it wrote first has expired; run it again"
            raise ConfigError(message)


def _expire_generation(client: redis.Redis, prefix: str) -> None:
    with client.pipeline(transaction=False) as pipe:
        for name in ("metadata", *range(BUCKETS)):
            pipe.expire(f"{prefix}:{name}", OLD_EXPIRES_S)
        pipe.execute()

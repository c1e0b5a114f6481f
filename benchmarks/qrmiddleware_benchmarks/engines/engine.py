"""The values of this package: what to run, and what runs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import psutil


@dataclass(frozen=True, slots=True)
class Options:
    """How an engine is wanted.

    Attributes:
        port: Where it answers on 127.0.0.1.
        security: TLS by a certificate authority of its own, and basic auth.
        heap_mb: Heap of an engine that runs on Java.
        upstream: URL that nginx passes requests to; of no use to the others.
        cluster: Transport ports of the nodes of one cluster, this node's first; Elasticsearch's
            only. A cluster of one without.
    """

    port: int
    security: bool = False
    heap_mb: int = 512
    upstream: str = ""
    cluster: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Service:
    """One process of an engine.

    Attributes:
        command: The program and its arguments.
        answers: Whether it does its job by now; any ``OSError`` counts as not yet.
        env: What it needs beside the environment of this process.
    """

    command: tuple[str, ...]
    answers: Callable[[], bool]
    env: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class Launch:
    """An engine that is ready to be started: its files are written, its port is chosen.

    Attributes:
        services: Its processes, in the order in which they need each other.
        url: Where it will answer.
        ca_certs: The certificate authority to trust, if it speaks TLS.
        username: For basic auth; empty where it asks for none.
        password: For basic auth.
    """

    services: tuple[Service, ...]
    url: str
    ca_certs: Path | None = None
    username: str = ""
    password: str = ""


@dataclass(frozen=True, slots=True)
class Process:
    """One process, told from a later one with the same number by when it began."""

    pid: int
    started_at: float

    def alive(self) -> psutil.Process | None:
        """Return the live process, or ``None`` once it ended."""
        try:
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self.started_at) < 1
        except psutil.NoSuchProcess:
            return None
        return process if same and process.status() != psutil.STATUS_ZOMBIE else None


@dataclass(frozen=True, slots=True)
class Engine:
    """An engine that answers.

    Attributes:
        name: As on the command line, such as ``"opensearch"``.
        url: Where it answers, without a path.
        ca_certs: The certificate authority to trust, if it speaks TLS.
        username: For basic auth; empty where it asks for none.
        password: For basic auth.
        log: Everything its processes print; ``None`` for an engine that is not ours.
        processes: The processes that were started, their children not included.
    """

    name: str
    url: str
    ca_certs: Path | None = None
    username: str = ""
    password: str = field(default="", repr=False)
    log: Path | None = None
    processes: tuple[Process, ...] = ()

    @property
    def auth(self) -> tuple[str, str] | None:
        """User name and password as the Python clients' ``basic_auth`` takes them."""
        return (self.username, self.password) if self.username else None

    def pids(self) -> tuple[int, ...]:
        """Return the live processes, children included."""
        return tuple(process.pid for process in self._tree())

    def rss_bytes(self) -> int:
        """Return the resident memory of all its live processes."""
        return sum(process.memory_info().rss for process in self._tree())

    def _tree(self) -> list[psutil.Process]:
        roots = [live for process in self.processes if (live := process.alive())]
        return [each for root in roots for each in (root, *root.children(recursive=True))]


class Fetchable(Protocol):
    """What can be brought onto this machine."""

    @property
    def summary(self) -> str:
        """What it is, for people."""

    def fetched(self) -> bool:
        """Whether it is on this machine."""

    def fetch(self, *, install: bool, verbose: bool) -> None:
        """Bring it onto this machine.

        Args:
            install: Install system packages it needs, as root.
            verbose: Let the downloading program show its progress.

        Raises:
            EngineError: If that failed, or needs something that only people can do.
        """


class Recipe(Fetchable, Protocol):
    """How one engine comes onto this machine and is made ready to start."""

    @property
    def port(self) -> int:
        """Where it answers unless told otherwise."""

    def prepare(self, home: Path, options: Options) -> Launch:
        """Write an engine's files into ``home``; an engine that ran there keeps its data.

        Raises:
            EngineError: If the engine cannot run here, or not with these options.
        """

"""Starts what a scenario's arms say: nothing, nginx, or the proxy in several set-ups."""

import json
import os
import shutil
import subprocess
import sysconfig
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path

from qrmiddleware_benchmarks.arms import ArmSpec, Direct, Front, Nginx, Proxy, Scenario, Url
from qrmiddleware_benchmarks.engines import EngineMissingError, probes, require, running
from qrmiddleware_benchmarks.load import Target
from qrmiddleware_benchmarks.plugins import installed
from qrmiddleware_benchmarks.processes import Part, ProcessError, Tell, listening
from qrmiddleware_benchmarks.searches import rewrites_text, rules_text, search_request
from qrmiddleware_benchmarks.upstreams import HOST, INDEX

_READY_S = 60.0


@dataclass(frozen=True, slots=True)
class Running:
    """An arm that answers.

    Attributes:
        parts: The programs between load and upstream.
        admin_ports: Where their metrics are; one a worker.
    """

    parts: tuple[Part, ...] = ()
    admin_ports: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Arm:
    """One way to the answers, ready to be asked.

    Attributes:
        name: As in the report.
        spec: What it is.
        target: Who is asked what.
        serving: Gives what serves it for the length of a block; starts it, if it is to be
            started anew each time.
    """

    name: str
    spec: ArmSpec
    target: Target
    serving: Callable[[], AbstractContextManager[Running]]


@dataclass(frozen=True, slots=True)
class Asked:
    """What the arms are asked.

    Attributes:
        queries: Of the mix; rules and rewrites are made for them.
        new_queries: None of which is asked twice; rules and rewrites know them, too.
        body: Writes the search body for a query.
    """

    queries: Sequence[str]
    new_queries: Sequence[str]
    body: Callable[[str], bytes]

    def requests(self, spec: ArmSpec) -> Sequence[bytes]:
        """Return what an arm is asked, as whole HTTP requests."""
        queries = self.new_queries if spec.queries == "new" else self.queries
        where = spec.front if isinstance(spec.front, Url) else Url(HOST, 0, f"/{INDEX}/_search")
        return [
            search_request(where.target, self.body(query), headers=where.headers)
            for query in queries
        ]


@contextmanager
def arms_before(
    upstream_port: int, scenario: Scenario, asked: Asked, *, first_port: int, tell: Tell
) -> Iterator[list[Arm]]:
    """Start every arm in front of an upstream on this machine, for as long as the block lasts.

    An arm with nginx is left out where nginx is not installed.

    Args:
        upstream_port: Where the upstream listens.
        scenario: Which arms.
        asked: What they will be asked.
        first_port: This port and those after it are used.
        tell: Is told what is left out.
    """
    specs = dict(_available(scenario, tell))
    with tempfile.TemporaryDirectory(prefix="qrm-bench-") as name:
        starter = _Starter(Path(name), upstream_port, asked, count(first_port))
        if any(isinstance(spec.front, Proxy) for spec in specs.values()):
            starter.write_files()
        places = {name: starter.place(spec.front) for name, spec in specs.items()}
        lasting = [name for name, spec in specs.items() if not spec.restarted]
        with together([places[name].start() for name in lasting]) as running:
            serving = dict(zip(lasting, map(_always, running), strict=True))
            yield [
                Arm(
                    name,
                    spec,
                    Target(places[name].host, places[name].port, asked.requests(spec)),
                    serving.get(name, places[name].start),
                )
                for name, spec in specs.items()
            ]


def _available(scenario: Scenario, tell: Tell) -> Iterator[tuple[str, ArmSpec]]:
    for name, spec in scenario.arms.items():
        try:
            if isinstance(spec.front, Nginx):
                require("nginx", fetch=False)
            yield name, spec
        except EngineMissingError as error:
            tell(f"{scenario.name} goes without {name}: {error}")


@contextmanager
def together(starts: Sequence[AbstractContextManager[Running]]) -> Iterator[list[Running]]:
    """Enter contexts at the same time, and leave them at the same time: they start programs."""
    stacks = [ExitStack() for _ in starts]
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        entered = [
            pool.submit(stack.enter_context, start)
            for stack, start in zip(stacks, starts, strict=True)
        ]
        wait(entered)
        try:
            yield [each.result() for each in entered]
        finally:
            wait([pool.submit(stack.close) for stack in stacks])


def _always(running: Running) -> Callable[[], AbstractContextManager[Running]]:
    return lambda: nullcontext(running)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where an arm listens, and what starts it there."""

    host: str
    port: int
    start: Callable[[], AbstractContextManager[Running]]


@dataclass(frozen=True, slots=True)
class _Starter:
    folder: Path
    upstream_port: int
    asked: Asked
    ports: Iterator[int]

    def write_files(self) -> None:
        """Write rules and a rewrite table for all queries that will be asked."""
        queries = [*self.asked.queries, *self.asked.new_queries]
        (self.folder / "rules.txt").write_text(rules_text(queries), encoding="utf-8")
        (self.folder / "rewrites.tsv").write_text(rewrites_text(queries), encoding="utf-8")
        _run([qrm(), "table", "import", "rewrites.tsv", "--to", "rewrites.sqlite"], self.folder)

    def place(self, front: Front) -> _Place:
        """Choose ports for an arm."""
        if isinstance(front, Url):
            return _Place(front.host, front.port, _always(Running()))
        if isinstance(front, Direct):
            return _Place(HOST, self.upstream_port, _always(Running()))
        port, upstream = next(self.ports), f"http://{HOST}:{self.upstream_port}"
        if isinstance(front, Nginx):
            return _Place(HOST, port, partial(_nginx, port, upstream))
        admin_ports = tuple(next(self.ports) for _ in range(front.workers))
        start = partial(proxy, self.folder, port, upstream, front, admin_ports)
        return _Place(HOST, port, start)


@contextmanager
def _nginx(port: int, upstream: str) -> Iterator[Running]:
    with running("nginx", port=port, upstream=upstream, fetch=False) as nginx:
        yield Running((Part("nginx", nginx.pids()),))


@contextmanager
def proxy(
    folder: Path, port: int, upstream: str, front: Proxy, admin_ports: tuple[int, ...]
) -> Iterator[Running]:
    """Run ``qrm serve`` for as long as the block lasts.

    Args:
        folder: Where relative paths start; gets the configuration.
        port: Where it serves.
        upstream: URL of the engine; a folder or ``"memory"`` for the embedded one.
        front: How it is set up.
        admin_ports: Consecutive, one a worker.
    """
    engine = {"urls": [upstream]} if "://" in upstream else {"embedded": True}
    settings = {
        "listen": {"host": HOST, "port": port, "workers": front.workers},
        "admin": {"host": HOST, "port": admin_ports[0]},
        "upstream": engine,
        "pipelines": {} if front.pipeline is None else {"default": front.pipeline},
        "limits": front.limits,
        "log": {"format": "json", "level": "error"},
    }
    path = folder / f"{port}.yaml"
    path.write_text(json.dumps(settings), encoding="utf-8")  # JSON is YAML
    command = (qrm(), "serve", "--config", str(path))
    with listening(command, port, env=installed(folder)) as pid:
        _await_workers(admin_ports)
        yield Running((Part("qrm serve", (pid,)),), admin_ports)


def _await_workers(admin_ports: Sequence[int]) -> None:
    deadline = time.monotonic() + _READY_S
    for port in admin_ports:
        while not _lives(port):
            if time.monotonic() > deadline:
                message = f"qrm serve does not answer on its admin port {port}"
                raise ProcessError(message)
            time.sleep(0.05)


def _lives(port: int) -> bool:
    try:
        status, _ = probes.get(f"http://{HOST}:{port}/_qrm/health/live")
    except OSError:
        return False
    return status == 200  # noqa: PLR2004 - HTTP's OK


def _run(command: Sequence[str], folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)  # noqa: S603 - our own command
    if done.returncode != 0:
        message = f"{' '.join(command)} failed:\n{done.stderr[-2000:]}"
        raise ProcessError(message)


def qrm() -> str:
    """Return the path of the ``qrm`` command of this environment.

    Raises:
        ProcessError: If there is none.
    """
    command = shutil.which("qrm", path=sysconfig.get_path("scripts"))
    if command is None:
        message = "this environment has no qrm command: install qrmiddleware[all] into it"
        raise ProcessError(message)
    return command


def run_qrm(*words: str | Path) -> None:
    """Run the ``qrm`` command of this environment to its end, and show what it prints.

    Raises:
        ProcessError: If there is none.
        subprocess.CalledProcessError: If it fails.
    """
    subprocess.run([qrm(), *map(str, words)], check=True)  # noqa: S603 - our own command

"""Starts what a scenario's arms say: nothing, nginx, or the proxy in several set-ups."""

import json
import shutil
import subprocess
import sysconfig
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path

from qrmiddleware_benchmarks.arms import ArmSpec, Direct, Nginx, Proxy, Scenario, Url
from qrmiddleware_benchmarks.engines import EngineMissingError, probes, running
from qrmiddleware_benchmarks.load import Target
from qrmiddleware_benchmarks.plugins import installed
from qrmiddleware_benchmarks.processes import Part, ProcessError, Tell, listening
from qrmiddleware_benchmarks.searches import rewrites_text, rules_text, search_request
from qrmiddleware_benchmarks.upstreams import HOST, INDEX

_READY_S = 30.0


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
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="qrm-bench-")))
        starter = _Starter(folder, f"http://{HOST}:{upstream_port}", asked, count(first_port))
        if any(isinstance(spec.front, Proxy) for spec in scenario.arms.values()):
            starter.write_files()
        arms: list[Arm] = []
        for name, spec in scenario.arms.items():
            try:
                host, port, serving = starter.serving(spec, upstream_port, stack)
            except EngineMissingError as error:
                tell(f"{scenario.name} goes without {name}: {error}")
                continue
            arms.append(Arm(name, spec, Target(host, port, asked.requests(spec)), serving))
        yield arms


@dataclass(frozen=True, slots=True)
class _Starter:
    folder: Path
    upstream: str
    asked: Asked
    ports: Iterator[int]

    def write_files(self) -> None:
        """Write rules and a rewrite table for all queries that will be asked."""
        queries = [*self.asked.queries, *self.asked.new_queries]
        (self.folder / "rules.txt").write_text(rules_text(queries), encoding="utf-8")
        (self.folder / "rewrites.tsv").write_text(rewrites_text(queries), encoding="utf-8")
        _run([qrm(), "table", "import", "rewrites.tsv", "--to", "rewrites.sqlite"], self.folder)

    def serving(
        self, spec: ArmSpec, upstream_port: int, stack: ExitStack
    ) -> tuple[str, int, Callable[[], AbstractContextManager[Running]]]:
        """Return where an arm listens, and what serves it."""
        if isinstance(spec.front, Url):
            return spec.front.host, spec.front.port, _always(Running())
        if isinstance(spec.front, Direct):
            return HOST, upstream_port, _always(Running())
        port = next(self.ports)
        if isinstance(spec.front, Nginx):
            nginx = stack.enter_context(
                running("nginx", port=port, upstream=self.upstream, fetch=False)
            )
            return HOST, port, _always(Running((Part("nginx", nginx.pids()),)))
        admin_ports = tuple(next(self.ports) for _ in range(spec.front.workers))
        start = partial(proxy, self.folder, port, self.upstream, spec.front, admin_ports)
        if spec.restarted:
            return HOST, port, start
        return HOST, port, _always(stack.enter_context(start()))


def _always(running: Running) -> Callable[[], AbstractContextManager[Running]]:
    return lambda: nullcontext(running)


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

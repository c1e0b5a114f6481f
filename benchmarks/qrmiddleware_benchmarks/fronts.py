"""What stands between load and upstream: nothing, nginx, or the proxy in several set-ups."""

import json
import shutil
import subprocess
import sysconfig
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from qrmiddleware_benchmarks.engines import running
from qrmiddleware_benchmarks.load import Target
from qrmiddleware_benchmarks.processes import ProcessError, listening
from qrmiddleware_benchmarks.scenario import Arm
from qrmiddleware_benchmarks.searches import rewrites_text, rules_text

HOST = "127.0.0.1"
DIRECT = "direct"
NGINX = "nginx"
OFF = "pipeline off"
IDENTITY = "identity pipeline"
RULES = "rules"
TABLE = "rewrite_table"

Pipelines = Mapping[str, Mapping[str, Any]]
"""What stands under ``pipelines`` in the configuration."""


@contextmanager
def arms_before(
    upstream_port: int, requests: tuple[bytes, ...], queries: Sequence[str], *, first_port: int
) -> Iterator[list[Arm]]:
    """Start every arm in front of an upstream on this machine, for as long as the block lasts.

    Args:
        upstream_port: Where the upstream listens; the first arm asks it directly.
        requests: Whole HTTP requests.
        queries: What the requests search for; rules and rewrites are made for them.
        first_port: This port and those after it are used.
    """
    upstream = f"http://{HOST}:{upstream_port}"
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="qrm-bench-")))
        arms = [Arm(DIRECT, Target(HOST, upstream_port, requests))]
        nginx = stack.enter_context(running("nginx", port=first_port, upstream=upstream))
        arms.append(Arm(NGINX, Target(HOST, first_port, requests), nginx.pids()))
        setups = pipelines_by_arm(folder, queries).items()
        for port, (name, pipelines) in enumerate(setups, first_port + 1):
            pid = stack.enter_context(proxy(folder, port, upstream, pipelines))
            arms.append(Arm(name, Target(HOST, port, requests), (pid,)))
        yield arms


@contextmanager
def proxy(folder: Path, port: int, upstream: str, pipelines: Pipelines) -> Iterator[int]:
    """Run ``qrm serve`` with one process for as long as the block lasts; yield its id."""
    settings = {
        "listen": {"host": HOST, "port": port},
        "admin": {"port": None},
        "upstream": {"urls": [upstream]},
        "pipelines": pipelines,
        "log": {"format": "json", "level": "warning"},
    }
    path = folder / f"{port}.yaml"
    path.write_text(json.dumps(settings), encoding="utf-8")  # JSON is YAML
    with listening((qrm(), "serve", "--config", str(path)), port) as pid:
        yield pid


def pipelines_by_arm(folder: Path, queries: Sequence[str]) -> dict[str, Pipelines]:
    """Write rules and a rewrite table for these queries, and return what each arm configures."""
    (folder / "rules.txt").write_text(rules_text(queries), encoding="utf-8")
    (folder / "rewrites.tsv").write_text(rewrites_text(queries), encoding="utf-8")
    _run([qrm(), "table", "import", "rewrites.tsv", "--to", "rewrites.sqlite"], folder)
    rules = {"plugin": "rules", "path": str(folder / "rules.txt")}
    table = {"plugin": "rewrite_table", "path": str(folder / "rewrites.sqlite")}
    return {
        OFF: {},
        IDENTITY: {"default": {}},
        RULES: {"default": {"rewriters": [rules]}},
        TABLE: {"default": {"rewriters": [table]}},
    }


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

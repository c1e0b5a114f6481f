"""What a measurement was made on."""

import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Final

import psutil

from qrmiddleware_benchmarks.engines.errors import EngineMissingError
from qrmiddleware_benchmarks.engines.nginx import NGINX

SERVING: Final = (
    "qrmiddleware",
    "uvicorn",
    "uvloop",
    "httptools",
    "aiohttp",
    "elastic-transport",
)
"""Distributions that a search passes through."""


@dataclass(frozen=True, slots=True)
class Machine:
    """The machine and the versions of what ran on it.

    Attributes:
        cpu: Model name, as the system tells it.
        cores: Logical ones.
        memory_gib: Installed.
        system: Kernel and architecture.
        versions: By name.
    """

    cpu: str
    cores: int
    memory_gib: float
    system: str
    versions: dict[str, str]


@dataclass(frozen=True, slots=True)
class Ticks:
    """The machine's processor time so far, in seconds over all cores."""

    busy_s: float
    stolen_s: float
    total_s: float


def describe_machine(
    distributions: Sequence[str] = SERVING, further: Mapping[str, str] | None = None
) -> Machine:
    """Describe this machine, with the versions of these distributions and of ``further``."""
    versions = {"Python": platform.python_version()}
    for name in distributions:
        versions[name] = metadata.version(name)
    return Machine(
        cpu=_cpu(),
        cores=os.cpu_count() or 0,
        memory_gib=round(psutil.virtual_memory().total / 2**30, 1),
        system=f"{platform.system()} {platform.release()} {platform.machine()}",
        versions=versions | dict(further or {}),
    )


def today() -> str:
    """Return the date in UTC, ISO 8601."""
    return datetime.now(UTC).date().isoformat()


def ticks() -> Ticks:
    """Read the machine's clocks of work; two readings tell how busy it was in between."""
    times = psutil.cpu_times()
    total_s = sum(times)
    stolen_s = getattr(times, "steal", 0.0)
    return Ticks(total_s - times.idle - getattr(times, "iowait", 0.0), stolen_s, total_s)


def nginx_version() -> dict[str, str]:
    """Return the version of nginx, or nothing where it is not installed."""
    try:
        command = [NGINX.executable(), "-v"]
    except EngineMissingError:
        return {}
    told = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - nginx
    return {"nginx": told.stderr.strip().rpartition("/")[2]}


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.machine())

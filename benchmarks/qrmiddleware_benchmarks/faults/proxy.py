"""The proxy as a process that can be killed and started again."""

import asyncio
import json
import os
import signal
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any, Final

import psutil
from prometheus_client.parser import text_string_to_metric_families

from qrmiddleware_benchmarks.engines import probes
from qrmiddleware_benchmarks.faults.ports import free_ports
from qrmiddleware_benchmarks.fronts import qrm
from qrmiddleware_benchmarks.processes import ProcessError

_HOST: Final = "127.0.0.1"
_START_S: Final = 60.0
_STOP_S: Final = 30.0
_DESCRIBED: Final = "qrm_faults-1.dist-info"
_PLUGIN: Final = "faulty = qrmiddleware_benchmarks.faults.plugin:Faulty"


@dataclass(frozen=True, slots=True)
class Counted:
    """A metric, or those of its samples that have these labels.

    Attributes:
        name: Of the sample, such as ``"qrm_upstream_errors_total"``.
        labels: That it must have.
    """

    name: str
    labels: Mapping[str, str] = field(default_factory=dict[str, str])

    def __str__(self) -> str:
        labels = ", ".join(f'{name}="{value}"' for name, value in self.labels.items())
        return f"{self.name}{{{labels}}}" if labels else self.name


_STARTED: Final = Counted("process_start_time_seconds")
_CLOCK_TICKS_S: Final = 0.5
"""How exactly the system tells when a process began, with room to spare."""


@dataclass(slots=True)
class ServedProxy:
    """``qrm serve``, with the plugin ``faulty`` installed for it.

    Attributes:
        folder: Where relative paths of the configuration start, and its log is.
        settings: The configuration, without ports.
        environment: Further variables of the process.
        log: Where it writes, if not into its folder.
        port: Where it serves.
        admin_port: Of its first worker.
    """

    folder: Path
    settings: Mapping[str, Any]
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    log: Path | None = None
    port: int = field(default_factory=free_ports)
    admin_port: int = 0
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def workers(self) -> int:
        """How many processes serve."""
        return int(self.settings.get("listen", {}).get("workers", 1))

    def spawn(self) -> "subprocess.Popen[bytes]":
        """Start it, and do not wait until it serves."""
        self.admin_port = self.admin_port or free_ports(self.workers)
        with self._log.open("ab") as output:
            self.process = subprocess.Popen(  # noqa: S603 - our own command
                (qrm(), "serve", "--config", str(self._write_settings())),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=self.folder,
                env=self._environment(),
            )
        return self.process

    async def start(self) -> None:
        """Start it, and wait until all its workers live.

        Raises:
            ProcessError: If they do not; with the end of its log.
        """
        process = self.spawn()
        end_s = monotonic() + _START_S
        while not await self.lives():
            if process.poll() is not None or monotonic() > end_s:
                message = f"qrm serve does not serve:\n{self.tail()}"
                raise ProcessError(message)
            await asyncio.sleep(0.05)

    def worker_pids(self) -> list[int]:
        """Return the processes of its workers, in the order in which they began."""
        if self.process is None:
            return []
        children = psutil.Process(self.process.pid).children()
        workers = [each for each in children if "spawn_main" in " ".join(each.cmdline())]
        return [each.pid for each in sorted(workers, key=psutil.Process.create_time)]

    async def lives(self) -> bool:
        """Whether all its workers answer, and not those of a proxy that was killed before."""
        if self.process is None or self.process.poll() is not None:
            return False
        began_s = psutil.Process(self.process.pid).create_time() - _CLOCK_TICKS_S
        asked = (self._samples(worker, _STARTED) for worker in range(self.workers))
        return min(await asyncio.gather(*asked)) >= began_s

    def kill(self) -> None:
        """End it as ``kill -9`` does."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    async def stop(self) -> None:
        """End it in order.

        Raises:
            ProcessError: If it does not end, or with another code than 0.
        """
        if self.process is None:
            return
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            code = await asyncio.to_thread(self.process.wait, _STOP_S)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGABRT)
            self.process.wait()
            message = f"qrm serve does not stop:\n{self.tail()}"
            raise ProcessError(message) from None
        if code not in {0, -signal.SIGKILL}:
            message = f"qrm serve ended with code {code}:\n{self.tail()}"
            raise ProcessError(message)

    def tail(self) -> str:
        """Return the end of what it wrote."""
        return self._log.read_text(encoding="utf-8", errors="replace")[-4_000:]

    async def metric(self, counted: Counted) -> float:
        """Return the sum of a metric's samples over all workers; those that do not answer are 0."""
        asked = (self._samples(worker, counted) for worker in range(self.workers))
        return sum(await asyncio.gather(*asked))

    @property
    def _log(self) -> Path:
        return self.log or self.folder / "proxy.log"

    async def _samples(self, worker: int, counted: Counted) -> float:
        """Sum up the samples of one worker; 0 if it does not answer."""
        url = f"http://{_HOST}:{self.admin_port + worker}/_qrm/metrics"
        try:
            _, page = await asyncio.to_thread(probes.get, url)
        except OSError:
            return 0.0
        return sum(
            sample.value
            for family in text_string_to_metric_families(page.decode())
            for sample in family.samples
            if sample.name == counted.name and counted.labels.items() <= sample.labels.items()
        )

    def _write_settings(self) -> Path:
        listen = {**self.settings.get("listen", {}), "host": _HOST, "port": self.port}
        admin = {"host": _HOST, "port": self.admin_port}
        path = self.folder / "qrmiddleware.yaml"
        whole = {**self.settings, "listen": listen, "admin": admin}
        path.write_text(json.dumps(whole), encoding="utf-8")  # JSON is YAML
        return path

    def _environment(self) -> dict[str, str]:
        site = self.folder / "site"
        described = site / _DESCRIBED
        described.mkdir(parents=True, exist_ok=True)
        metadata = "Metadata-Version: 2.1\nName: qrm-faults\nVersion: 1\n"
        (described / "METADATA").write_text(metadata, encoding="utf-8")
        points = f"[qrmiddleware]\n{_PLUGIN}\n"
        (described / "entry_points.txt").write_text(points, encoding="utf-8")
        paths = (str(site), os.environ.get("PYTHONPATH", ""))
        path = os.pathsep.join(filter(None, paths))
        return {
            **os.environ,
            "PYTHONPATH": path,
            "PYTHONFAULTHANDLER": "1",
            **self.environment,
        }

"""Real engines that can be killed, and started again where they were."""

import asyncio
import os
import shutil
import signal
import tempfile
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import Popen

from qrmiddleware_benchmarks.engines import ENGINES, Options, require
from qrmiddleware_benchmarks.engines.folders import run_folder
from qrmiddleware_benchmarks.engines.services import start_services
from qrmiddleware_benchmarks.faults.ports import free_ports

_REQUIRED = "QRM_E2E_REQUIRE"


@dataclass(slots=True)
class RealEngine:
    """An engine on a port of this machine, which keeps its data between two starts.

    Attributes:
        name: As ``qrm-engines`` knows it.
        port: Where it answers.
        url: The same, without a path.
        cluster: As in ``Options``.
    """

    name: str
    port: int = field(default_factory=free_ports)
    url: str = ""
    cluster: tuple[int, ...] = ()
    _home: Path | None = None
    _started: list[Popen[bytes]] = field(default_factory=list[Popen[bytes]])

    async def start(self) -> None:
        """Start it, and wait until it answers.

        Raises:
            EngineMissingError: If it is not on this machine.
            EngineError: If it does not start.
        """
        await asyncio.to_thread(self._start)

    def signal(self, number: signal.Signals) -> None:
        """Send its processes a signal; those that it kills are waited for."""
        for process in self._started:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, number)
        if number in {signal.SIGKILL, signal.SIGTERM}:
            self.join()

    def join(self) -> None:
        """Wait until its processes have ended."""
        for process in self._started:
            process.wait()
        self._started = []

    async def stop(self) -> None:
        """End it, and drop its data."""
        await asyncio.to_thread(self.signal, signal.SIGCONT)
        await asyncio.to_thread(self.signal, signal.SIGKILL)
        if self._home is not None:
            await asyncio.to_thread(shutil.rmtree, self._home, ignore_errors=True)

    def _start(self) -> None:
        require(self.name, fetch=os.environ.get(_REQUIRED) == "1")
        if self._home is None:
            self._home = Path(tempfile.mkdtemp(prefix=f"{self.name}-", dir=run_folder()))
        options = Options(self.port, cluster=self.cluster)
        launch = ENGINES[self.name].prepare(self._home, options)
        self.url = launch.url
        self._started = start_services(launch, self._home / "output.log")

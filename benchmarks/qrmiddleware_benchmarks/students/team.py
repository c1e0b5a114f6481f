"""The processes of all arms, of which never more than one runs."""

import multiprocessing
from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import psutil

from qrmiddleware_benchmarks.students.arms import Arm
from qrmiddleware_benchmarks.students.errors import StudentsError
from qrmiddleware_benchmarks.students.worker import serve

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from multiprocessing.context import SpawnProcess


class Team:
    """One process an arm. All are halted but the one that is asked.

    A runtime's threads go on spinning for a while after their work is done, which would
    disturb whoever is measured next; a halted process does not spin.
    """

    def __init__(self, arms: Sequence[Arm], *, device: str, cores: int) -> None:
        self._arms, self._device, self._cores = arms, device, cores
        self._processes: dict[Arm, SpawnProcess] = {}
        self._connections: dict[Arm, Connection] = {}

    def __enter__(self) -> Self:
        context = multiprocessing.get_context("spawn")
        for arm in self._arms:
            ours, theirs = context.Pipe()
            process = context.Process(
                target=serve, args=(theirs, arm, self._device, self._cores), daemon=True
            )
            process.start()
            theirs.close()
            self._processes[arm], self._connections[arm] = process, ours
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for arm, process in self._processes.items():
            self._connections[arm].close()
            process.kill()
            process.join()

    def ask(self, arm: Arm, method: str, *arguments: object) -> Any:  # noqa: ANN401 - any method's
        """Let an arm's process go on, call a method of its worker, and halt it again.

        Raises:
            StudentsError: If the method raised, or the process ended.
        """
        connection, process = self._connections[arm], psutil.Process(self._processes[arm].pid)
        try:
            process.resume()
            connection.send((method, arguments))
            succeeded, result = connection.recv()
            process.suspend()
        except (EOFError, OSError, psutil.NoSuchProcess) as gone:
            self._processes[arm].join(1)
            code = self._processes[arm].exitcode
            message = f"{arm}: its process ended with code {code}; was there memory enough?"
            raise StudentsError(message) from gone
        if not succeeded:
            message = f"{arm}: {result}"
            raise StudentsError(message)
        return result

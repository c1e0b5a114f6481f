"""Programs that the system's package manager brings."""

import os
import shutil
import subprocess
from dataclasses import dataclass

import tenacity

from qrmiddleware_benchmarks.engines.errors import EngineError, EngineMissingError


@dataclass(frozen=True, slots=True)
class Program:
    """An engine that is one program of a Debian package.

    Attributes:
        summary: What it is, for people.
        names: What the program may be called.
        package: The Debian package that brings it.
        port: Where it answers unless told otherwise.
    """

    summary: str
    names: tuple[str, ...]
    package: str
    port: int

    def executable(self) -> str:
        """Return the program's path.

        Raises:
            EngineMissingError: If it is not installed.
        """
        path = os.environ.get("PATH", os.defpath) + ":/usr/local/sbin:/usr/sbin:/sbin"
        for name in self.names:
            if found := shutil.which(name, path=path):
                return found
        message = (
            f"{' or '.join(self.names)} is not installed; on Debian: apt-get install {self.package}"
        )
        raise EngineMissingError(message)

    def fetched(self) -> bool:
        """Whether it is on this machine."""
        try:
            self.executable()
        except EngineMissingError:
            return False
        return True

    def fetch(self, *, install: bool, verbose: bool) -> None:
        """Install the package, if it is missing and we may."""
        if install and not self.fetched():
            install_package(self.package, verbose=verbose)
        self.executable()


def install_package(package: str, *, verbose: bool) -> None:
    """Install a Debian package.

    Raises:
        EngineError: If we are not root, this is no Debian, or apt-get failed.
    """
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        message = f"only root on a Debian system can install {package} this way"
        raise EngineError(message)
    _apt_get("update", verbose=verbose)
    _apt_get("install", "--no-install-recommends", package, verbose=verbose)


@tenacity.retry(
    stop=tenacity.stop_after_attempt(3),
    wait=tenacity.wait_exponential(multiplier=2),
    reraise=True,
)
def _apt_get(*arguments: str, verbose: bool) -> None:
    done = subprocess.run(  # noqa: S603 - the arguments are ours
        ["apt-get", "--yes", *([] if verbose else ["--quiet=2"]), *arguments],  # noqa: S607 - as people call it
        env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
        stdin=subprocess.DEVNULL,
        stdout=None if verbose else subprocess.PIPE,
        stderr=None if verbose else subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        problem = (done.stdout or "see above").strip()[-2000:]
        message = f"apt-get {' '.join(arguments)} failed: {problem}"
        raise EngineError(message)

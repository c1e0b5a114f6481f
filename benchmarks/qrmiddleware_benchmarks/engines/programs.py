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
        return find_program(*self.names, package=self.package)

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


def find_program(*names: str, package: str) -> str:
    """Return the path of the first of these programs that is installed.

    Raises:
        EngineMissingError: If none is.
    """
    path = os.environ.get("PATH", os.defpath) + ":/usr/local/sbin:/usr/sbin:/sbin"
    for name in names:
        if found := shutil.which(name, path=path):
            return found
    message = f"{' or '.join(names)} is not installed; on Debian: apt-get install {package}"
    raise EngineMissingError(message)


def install_package(*packages: str, verbose: bool) -> None:
    """Install the first of these Debian packages that the system knows.

    Raises:
        EngineError: If we are not root, this is no Debian, it knows none, or apt-get failed.
    """
    wanted = " or ".join(packages)
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        message = f"only root on a Debian system can install {wanted} this way"
        raise EngineError(message)
    quiet = () if verbose else ("--quiet=2",)
    _apt("apt-get", "update", *quiet, verbose=verbose)
    for package in packages:
        if _apt("apt-cache", "madison", package, verbose=False).strip():
            options = ("--yes", "--no-install-recommends", *quiet)
            _apt("apt-get", "install", *options, package, verbose=verbose)
            return
    message = f"this system has no package {wanted}"
    raise EngineError(message)


@tenacity.retry(
    stop=tenacity.stop_after_attempt(3),
    wait=tenacity.wait_exponential(multiplier=2),
    reraise=True,
)
def _apt(*command: str, verbose: bool) -> str:
    done = subprocess.run(  # noqa: S603 - the arguments are ours
        command,
        env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
        stdin=subprocess.DEVNULL,
        stdout=None if verbose else subprocess.PIPE,
        stderr=None if verbose else subprocess.STDOUT,
        text=True,
        check=False,
    )
    output = done.stdout or ""
    if done.returncode != 0:
        message = f"{' '.join(command)} failed: {output.strip()[-2000:] or 'see above'}"
        raise EngineError(message)
    return output

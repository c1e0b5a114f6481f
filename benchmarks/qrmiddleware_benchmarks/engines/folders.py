"""Where engines are kept."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import platformdirs

from qrmiddleware_benchmarks.engines.account import account
from qrmiddleware_benchmarks.engines.errors import EngineError

_ENVIRONMENT = "QRM_ENGINES_DIR"


def engines_folder() -> Path:
    """Return the folder of everything fetched and started, made if need be.

    For root it is below ``/var/cache``, because engines refuse to run as root and another
    account cannot enter root's home.

    Raises:
        EngineError: If the engines' account cannot enter it.
    """
    if chosen := os.environ.get(_ENVIRONMENT):
        folder = Path(chosen).expanduser().absolute()
    elif account() is None:
        folder = platformdirs.user_cache_path("qrmiddleware") / "engines"
    else:
        folder = Path("/var/cache/qrmiddleware/engines")
    folder.mkdir(parents=True, exist_ok=True)
    _check_reachable(folder)
    return folder


def run_folder() -> Path:
    """Return the folder of the engines' configurations, data and logs."""
    folder = engines_folder() / "run"
    folder.mkdir(exist_ok=True)
    return folder


def open_to_all(folder: Path) -> None:
    """Let every account read what is in a folder, and execute what its owner may."""
    for path in (folder, *folder.rglob("*")):
        mode = path.stat().st_mode
        path.chmod(mode | 0o444 | (0o111 if path.is_dir() or mode & 0o100 else 0))


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep other processes from fetching into the same folder."""
    with folder.with_name(folder.name + ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _check_reachable(folder: Path) -> None:
    if account() is None:
        return
    for path in (folder, *folder.parents):
        if not path.stat().st_mode & 0o001:
            message = (
                f"{path} is closed to other accounts, and engines started by root run as nobody: "
                f"set {_ENVIRONMENT} to a folder that everyone may enter"
            )
            raise EngineError(message)

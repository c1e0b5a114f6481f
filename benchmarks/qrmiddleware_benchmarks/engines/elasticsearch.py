"""Elasticsearch, from the small distribution that its own integration tests run on.

It has the server, security and the standard family of analyzers; not the other analyzers,
no scripts and no search templates, and ``GET /`` is answered with 405.
"""

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from qrmiddleware_benchmarks.engines import account, certificates, folders, java, maven, probes
from qrmiddleware_benchmarks.engines.engine import Launch, Options, Service
from qrmiddleware_benchmarks.engines.errors import EngineError

_ARTIFACT = "org.elasticsearch.distribution.integ-test-zip:elasticsearch:{}:zip"
_SETTINGS = {
    "cluster.name": "qrm",
    "network.host": "127.0.0.1",
    "cluster.routing.allocation.disk.threshold_enabled": "false",
    "xpack.security.enrollment.enabled": "false",
}
_SECURITY = {
    "xpack.security.enabled": "true",
    "xpack.security.http.ssl.enabled": "true",
    "xpack.security.http.ssl.key": "certs/server.key",
    "xpack.security.http.ssl.certificate": "certs/server.pem",
}
_USERNAME = "elastic"


def _discovery(cluster: Sequence[int]) -> dict[str, str]:
    """Say how a node finds the others; the one with the highest port is the first master."""
    if not cluster:
        return {"node.name": "qrm", "discovery.type": "single-node", "transport.port": "0"}
    seeds = [f"127.0.0.1:{port}" for port in sorted(cluster)]
    return {
        "node.name": f"qrm-{cluster[0]}",
        "transport.port": str(cluster[0]),
        "discovery.seed_hosts": f"[{', '.join(seeds)}]",
        "cluster.initial_master_nodes": f"qrm-{max(cluster)}",
    }


@dataclass(frozen=True, slots=True)
class Elasticsearch:
    """One version of Elasticsearch and the oldest Java it runs on."""

    version: str
    java: int
    port: int

    @property
    def summary(self) -> str:
        """What it is, for people."""
        return f"Elasticsearch {self.version} (standard analyzers, no scripts or templates)"

    def fetched(self) -> bool:
        """Whether it is on this machine."""
        return self._home().is_dir()

    def fetch(self, *, install: bool, verbose: bool) -> None:
        """Bring the distribution onto this machine."""
        java.require_jdk(self.java, install=install, verbose=verbose)
        maven.require_maven(install=install, verbose=verbose)
        home = self._home()
        with folders.locked(home):
            if home.is_dir():
                return
            with tempfile.TemporaryDirectory(dir=home.parent) as scratch:
                maven.copy_artifact(_ARTIFACT.format(self.version), Path(scratch), verbose=verbose)
                shutil.unpack_archive(next(Path(scratch).glob("*.zip")), scratch)
                unpacked = Path(scratch) / home.name
                for program in (unpacked / "bin").iterdir():
                    program.chmod(0o755)
                folders.open_to_all(unpacked)
                unpacked.rename(home)

    def prepare(self, home: Path, options: Options) -> Launch:
        """Write configuration, certificates and the password."""
        config = home / "config"
        shutil.copytree(self._home() / "config", config, dirs_exist_ok=True)
        (home / "data").mkdir(exist_ok=True)
        environment = {
            "ES_JAVA_HOME": str(java.find_jdk(self.java)),
            "ES_JAVA_OPTS": f"-Xms{options.heap_mb}m -Xmx{options.heap_mb}m",
            "ES_PATH_CONF": str(config),
            "HOME": str(home),
        }
        settings = {
            **_SETTINGS,
            **_discovery(options.cluster),
            "http.port": str(options.port),
            "path.data": str(home / "data"),
            "path.logs": str(home / "logs"),
            **(_SECURITY if options.security else {"xpack.security.enabled": "false"}),
        }
        lines = (f"{key}: {value}\n" for key, value in settings.items())
        (config / "elasticsearch.yml").write_text("".join(lines), encoding="utf-8")
        if options.security:
            return self._secured(home, options, environment)
        url = f"http://127.0.0.1:{options.port}"
        account.hand_over(home)
        return Launch((self._service(environment, partial(probes.cluster_answers, url)),), url)

    def _secured(self, home: Path, options: Options, environment: Mapping[str, str]) -> Launch:
        password = certificates.read_or_make_password(home / "config" / "password")
        authority = certificates.write_certificate(home / "config" / "certs").authority
        account.hand_over(home)
        self._set_password(password, environment)
        url = f"https://127.0.0.1:{options.port}"
        answers = partial(
            probes.cluster_answers, url, ca_certs=authority, auth=(_USERNAME, password)
        )
        return Launch((self._service(environment, answers),), url, authority, _USERNAME, password)

    def _set_password(self, password: str, environment: Mapping[str, str]) -> None:
        tool = self._home() / "bin" / "elasticsearch-keystore"
        done = account.run(
            [str(tool), "add", "--stdin", "--force", "bootstrap.password"],
            env=environment,
            text=password,
        )
        if done.returncode != 0:
            message = f"Elasticsearch's keystore refused the password: {done.stdout.strip()}"
            raise EngineError(message)

    def _service(self, environment: Mapping[str, str], answers: partial[bool]) -> Service:
        return Service((str(self._home() / "bin" / "elasticsearch"),), answers, environment)

    def _home(self) -> Path:
        return folders.engines_folder() / f"elasticsearch-{self.version}"

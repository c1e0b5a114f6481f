"""Engines and proxies for the end-to-end tests: real ones, started when first asked for."""

import os
import signal
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
import tenacity
import trustme
import yaml

from qrmiddleware_benchmarks.engines import Engine, EngineMissingError, probes, running

REQUIRED = os.environ.get("QRM_E2E_REQUIRE") == "1"
START_S = 60
STOP_S = 30


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give tests here the time that engines need: the first one to ask waits for the start."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.timeout(300))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Show the proxies' logs with a test that failed while they ran."""
    report = yield
    if report.failed:
        for running_proxy in item.config.stash.get(PROXIES, []):
            report.sections.append((f"log of {running_proxy.url}", running_proxy.tail()))
    return report


@contextmanager
def engine_or_skip(name: str, *, security: bool = False) -> Iterator[Engine]:
    """Run an engine; without it, skip, or fail where ``QRM_E2E_REQUIRE=1`` says none may lack."""
    with ExitStack() as stack:
        try:
            engine = stack.enter_context(running(name, security=security, fetch=REQUIRED))
        except EngineMissingError as error:
            if REQUIRED:
                pytest.fail(f"{name}: {error}", pytrace=False)
            pytest.skip(f"needs {name}: {error}")
        yield engine


@pytest.fixture(scope="session")
def elasticsearch_url() -> Iterator[str]:
    """An Elasticsearch without security."""
    with engine_or_skip("elasticsearch") as engine:
        yield engine.url


@pytest.fixture(scope="session")
def secure_elasticsearch() -> Iterator[Engine]:
    """An Elasticsearch that speaks TLS and asks for basic auth."""
    with engine_or_skip("elasticsearch", security=True) as engine:
        yield engine


@pytest.fixture(scope="session")
def opensearch_url() -> Iterator[str]:
    """An OpenSearch without security."""
    with engine_or_skip("opensearch") as engine:
        yield engine.url


@pytest.fixture(scope="session")
def secure_opensearch() -> Iterator[Engine]:
    """An OpenSearch behind TLS and basic auth."""
    with engine_or_skip("opensearch", security=True) as engine:
        yield engine


@pytest.fixture(scope="module", params=["plain", "secure"])
def elasticsearch(request: pytest.FixtureRequest) -> Engine:
    """An Elasticsearch, once without security and once with TLS and basic auth."""
    if request.param == "secure":
        return request.getfixturevalue("secure_elasticsearch")
    return Engine("elasticsearch", request.getfixturevalue("elasticsearch_url"))


@pytest.fixture(scope="module", params=["plain", "secure"])
def opensearch(request: pytest.FixtureRequest) -> Engine:
    """An OpenSearch, once without security and once behind TLS and basic auth."""
    if request.param == "secure":
        return request.getfixturevalue("secure_opensearch")
    return Engine("opensearch", request.getfixturevalue("opensearch_url"))


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """A Redis that keeps nothing."""
    with engine_or_skip("redis") as engine:
        yield engine.url


@dataclass(frozen=True, slots=True)
class Proxy:
    """A running ``qrm serve``."""

    url: str
    admin_url: str
    process: subprocess.Popen[bytes]
    log: Path
    config: Path

    def stop(self) -> None:
        """End it as a service manager does, and see that it went in order; twice is once."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            pytest.fail(f"qrm serve did not stop within {STOP_S} s of SIGTERM:\n{self.tail()}")
        if code not in {0, -signal.SIGKILL}:
            pytest.fail(f"qrm serve ended with exit code {code}:\n{self.tail()}")

    def tail(self) -> str:
        """The end of what it printed."""
        return self.log.read_text(errors="replace")[-4000:]


StartProxy = Callable[..., Proxy]
PROXIES = pytest.StashKey[list[Proxy]]()


@pytest.fixture(scope="module")
def proxy(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[StartProxy]:
    """Start ``qrm serve`` in front of an engine: ``proxy(engine_or_url, pipelines={...})``.

    Keywords are top-level keys of the configuration. After the module every proxy is stopped
    by SIGTERM and has to end with exit code 0, unless a test killed it by SIGKILL.
    """
    running_proxies = request.config.stash.setdefault(PROXIES, [])
    with ExitStack() as stack:
        stack.callback(running_proxies.clear)

        def start(upstream: Engine | str, /, **config: Any) -> Proxy:
            started = launch(upstream, config, tmp_path_factory.mktemp("proxy"))
            wait_until_ready(started)
            stack.callback(started.stop)
            running_proxies.append(started)
            return started

        yield start


@dataclass(frozen=True)
class Certified:
    """A certificate for this machine: keys of ``listen``, and a client that trusts it."""

    listen: dict[str, str]
    context: ssl.SSLContext


@pytest.fixture
def certified(tmp_path: Path) -> Certified:
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1")
    issued.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    issued.private_key_pem.write_to_path(tmp_path / "key.pem")
    context = ssl.create_default_context()
    authority.configure_trust(context)
    files = {"tls_cert": str(tmp_path / "cert.pem"), "tls_key": str(tmp_path / "key.pem")}
    return Certified(files, context)


def launch(upstream: Engine | str, config: dict[str, Any], folder: Path) -> Proxy:
    """Start the process, without waiting for it."""
    engine = Engine("", upstream) if isinstance(upstream, str) else upstream
    port = config.get("listen", {}).get("port") or probes.free_port()
    admin_port = config.get("admin", {}).get("port") or probes.free_port()
    trust = {"ca_certs": str(engine.ca_certs)} if engine.ca_certs else {}
    file = folder / "qrmiddleware.yaml"
    file.write_text(
        yaml.safe_dump(
            {
                "admin": {"host": "127.0.0.1", "port": admin_port},
                **config,
                "listen": {"host": "127.0.0.1", "port": port, **config.get("listen", {})},
                "upstream": {"urls": [engine.url], **trust, **config.get("upstream", {})},
            }
        )
    )
    log = folder / "proxy.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [str(Path(sys.executable).with_name("qrm")), "serve", "--config", str(file)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env={**os.environ, "PYTHONFAULTHANDLER": "1"},
        )
    urls = (f"http://127.0.0.1:{each}" for each in (port, admin_port))
    return Proxy(*urls, process, log, file)


def wait_until_ready(proxy: Proxy) -> None:
    """Wait for the admin port to say that searches can be served."""

    def ready() -> bool:
        if proxy.process.poll() is not None:
            pytest.fail(
                f"qrm serve ended with exit code {proxy.process.returncode}:\n{proxy.tail()}"
            )
        status, _ = probes.get(f"{proxy.admin_url}/_qrm/health/ready")
        return status == HTTPStatus.OK

    waiting = tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(OSError)
        | tenacity.retry_if_result(lambda answer: not answer),
        stop=tenacity.stop_after_delay(START_S),
        wait=tenacity.wait_fixed(0.1),
    )
    try:
        waiting(ready)
    except tenacity.RetryError:
        proxy.process.send_signal(signal.SIGABRT)  # Python's fault handler logs where it is
        proxy.process.wait()
        pytest.fail(f"qrm serve was not ready within {START_S} s:\n{proxy.tail()}")


@pytest.fixture(scope="session")
def catalogue() -> list[dict[str, Any]]:
    """Sixty products, fifteen each of four kinds; some laptops are called notebooks."""
    kinds = ("laptop 14 inch", "notebook 15 inch", "laptop sleeve", "mouse")
    brands = ("acme", "globex", "initech")
    return [
        {
            "title": f"{brands[number % 3]} {kinds[number % 4]} model {number}",
            "brand": brands[number % 3],
            "price": 10 + number * 7 % 60,
        }
        for number in range(60)
    ]


@pytest.fixture(scope="session", params=["off", "identity", "rules"])
def pipelines(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Any]:
    """The ``pipelines`` of a configuration: none, one that changes nothing, one with a rule."""
    if request.param == "off":
        return {}
    if request.param == "identity":
        return {"identity": {}}
    rules = tmp_path_factory.mktemp("rules") / "rules.txt"
    rules.write_text("laptop =>\n  SYNONYM: notebook\n")
    return {"rules": {"rewriters": [{"plugin": "rules", "path": str(rules)}], "timeout_ms": 1000}}

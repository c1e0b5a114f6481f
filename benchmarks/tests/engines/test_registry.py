import socket

import pytest

from qrmiddleware_benchmarks.engines import (
    ENGINES,
    Engine,
    EngineError,
    EngineMissingError,
    Options,
    lent_engine,
    records,
    registry,
    require,
    running,
    start_engine,
)
from qrmiddleware_benchmarks.engines.engine import Launch, Service
from qrmiddleware_benchmarks.engines.folders import run_folder
from qrmiddleware_benchmarks.engines.probes import free_port


def test_an_engine_that_is_not_here_is_named_with_the_command_that_gets_it(engines_dir):
    with pytest.raises(EngineMissingError, match="qrm-engines fetch opensearch"):
        require("opensearch", fetch=False)


def test_the_environment_can_lend_an_engine(monkeypatch):
    monkeypatch.setenv("QRM_E2E_OPENSEARCH_URL", "http://10.0.0.1:9200/")

    with running("opensearch", fetch=False) as engine:
        assert engine == Engine("opensearch", "http://10.0.0.1:9200")
        assert engine.auth is None
        assert engine.pids() == ()


def test_a_lent_engine_may_have_security(monkeypatch, tmp_path):
    monkeypatch.setenv("QRM_E2E_SECURE_ELASTICSEARCH_URL", "https://10.0.0.1:9200")
    monkeypatch.setenv("QRM_E2E_SECURE_ELASTICSEARCH_CA_CERTS", str(tmp_path / "ca.pem"))
    monkeypatch.setenv("QRM_E2E_SECURE_ELASTICSEARCH_USERNAME", "ada")
    monkeypatch.setenv("QRM_E2E_SECURE_ELASTICSEARCH_PASSWORD", "secret")

    engine = lent_engine("elasticsearch", security=True)

    assert engine is not None
    assert engine.auth == ("ada", "secret")
    assert engine.ca_certs == tmp_path / "ca.pem"
    assert "secret" not in repr(engine)
    assert lent_engine("elasticsearch", security=False) is None


def test_a_taken_port_is_refused_before_anything_starts(engines_dir):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        options = Options(taken.getsockname()[1])

        with pytest.raises(EngineError, match="is taken"):
            start_engine("redis", options, fresh=False)


class Sleeper:
    """An engine that does nothing, in the folder that it is given."""

    summary, port = "sleeps", 1

    def fetched(self):
        return True

    def prepare(self, home, options):
        (home / "data").touch()
        return Launch((Service(("sleep", "60"), lambda: True),), f"http://127.0.0.1/{home}")


def test_data_may_be_kept_elsewhere_and_goes_with_the_engine(engines_dir, tmp_path, monkeypatch):
    monkeypatch.setattr(registry, "ENGINES", {"sleeper": Sleeper()})

    with running("sleeper", data=tmp_path) as engine:
        (kept,) = tmp_path.iterdir()
        assert engine.url.endswith(str(kept))
        assert (kept / "data").exists()
        assert list(records.running_engines()) == [engine]

    assert list(tmp_path.iterdir()) == list(run_folder().iterdir()) == []


@pytest.mark.parametrize("upstream", ["", "https://x", "localhost:9200"])
def test_nginx_wants_a_plain_http_upstream(tmp_path, upstream):
    with pytest.raises(EngineError, match="http:// URL"):
        ENGINES["nginx"].prepare(tmp_path, Options(free_port(), upstream=upstream))


@pytest.mark.parametrize("name", ["redis", "chromium"])
def test_engines_without_a_secure_form_say_so(tmp_path, name):
    with pytest.raises(EngineError, match="--security"):
        ENGINES[name].prepare(tmp_path, Options(free_port(), security=True))

import hashlib
from pathlib import Path

import pytest

from qrmiddleware_benchmarks.engines import EngineError, maven
from qrmiddleware_benchmarks.engines.rest_api_spec import RestApiSpec

JAR = b"tests of an API"


@pytest.fixture
def fetched(engines_dir, monkeypatch):
    """Fetch a suite from a repository that holds ``JAR``; returns what is kept then."""
    asked = []

    def copy_artifact(artifact, folder: Path, *, verbose):
        asked.append(artifact)
        (folder / "rest-api-spec-1.2.3.jar").write_bytes(JAR)

    monkeypatch.setattr(maven, "require_maven", lambda **_: None)
    monkeypatch.setattr(maven, "copy_artifact", copy_artifact)

    def fetch(sha256):
        suite = RestApiSpec("1.2.3", sha256)
        suite.fetch(install=False, verbose=False)
        suite.fetch(install=False, verbose=False)
        assert asked == ["org.opensearch:rest-api-spec:1.2.3:jar"]
        return suite

    return fetch


def test_what_was_fetched_is_kept(fetched):
    suite = fetched(hashlib.sha256(JAR).hexdigest())

    assert suite.fetched()
    assert suite.jar.read_bytes() == JAR


def test_another_jar_than_the_one_that_is_meant_is_refused(fetched, engines_dir):
    with pytest.raises(EngineError, match="its SHA-256 is"):
        fetched("0" * 64)

    assert list(engines_dir.glob("*.jar")) == []

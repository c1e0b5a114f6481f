from pathlib import Path

import pytest

from qrmiddleware_benchmarks.engines import EngineMissingError
from qrmiddleware_benchmarks.engines.java import find_jdk, jdk_version


def make_jdk(home: Path, version: str) -> Path:
    (home / "bin").mkdir(parents=True)
    (home / "bin" / "javac").touch()
    (home / "release").write_text(f'IMPLEMENTOR="x"\nJAVA_VERSION="{version}"\n')
    return home


@pytest.mark.parametrize(
    ("written", "version"), [("25.0.1", 25), ("21", 21), ("1.8.0_412", 8), ("22-ea", 22)]
)
def test_reads_the_major_version_from_the_release_file(tmp_path, written, version):
    assert jdk_version(make_jdk(tmp_path, written)) == version


def test_a_runtime_without_a_compiler_is_no_jdk(tmp_path):
    home = make_jdk(tmp_path, "25")
    (home / "bin" / "javac").unlink()

    assert jdk_version(home) is None


def test_finds_the_oldest_jdk_that_is_new_enough(tmp_path, monkeypatch):
    older = make_jdk(tmp_path / "older", "901.0.1")
    newer = make_jdk(tmp_path / "newer", "902")
    monkeypatch.setenv("ES_JAVA_HOME", str(newer))
    monkeypatch.setenv("JAVA_HOME", str(older))

    assert find_jdk(900) == older
    assert find_jdk(902) == newer


def test_without_a_jdk_says_what_was_found_and_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setenv("JAVA_HOME", str(make_jdk(tmp_path / "jdk", "9")))

    with pytest.raises(EngineMissingError, match=r"jdk \(9\).*apt-get install openjdk-999-jdk"):
        find_jdk(999)

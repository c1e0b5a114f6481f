import os
from pathlib import Path

import pytest

from qrmiddleware_benchmarks.engines import EngineError
from qrmiddleware_benchmarks.engines.account import account
from qrmiddleware_benchmarks.engines.folders import engines_folder, locked, open_to_all, run_folder


def test_the_environment_chooses_the_folder(engines_dir):
    assert engines_folder() == engines_dir
    assert run_folder() == engines_dir / "run"


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_root_is_told_when_the_engines_account_cannot_enter_the_folder(tmp_path, monkeypatch):
    tmp_path.chmod(0o700)
    monkeypatch.setenv("QRM_ENGINES_DIR", str(tmp_path / "engines"))

    with pytest.raises(EngineError, match="set QRM_ENGINES_DIR"):
        engines_folder()


@pytest.mark.skipif(os.geteuid() == 0, reason="root has no home that engines may enter")
def test_people_keep_engines_in_their_cache(monkeypatch, tmp_path):
    monkeypatch.delenv("QRM_ENGINES_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))

    assert engines_folder().is_relative_to(tmp_path)


def test_only_root_needs_another_account():
    assert (account() is None) == (os.geteuid() != 0)


def test_what_is_fetched_is_readable_by_all_and_programs_stay_programs(tmp_path):
    program, text = tmp_path / "program", tmp_path / "text"
    for file, mode in ((program, 0o700), (text, 0o600)):
        file.touch(mode=mode)

    open_to_all(tmp_path)

    assert permissions(program) == 0o755
    assert permissions(text) == 0o644


def test_a_folder_is_locked_by_a_file_beside_it(tmp_path):
    with locked(tmp_path / "elasticsearch-9.2.0"):
        assert (tmp_path / "elasticsearch-9.2.0.lock").exists()


def permissions(file: Path) -> int:
    return file.stat().st_mode & 0o777

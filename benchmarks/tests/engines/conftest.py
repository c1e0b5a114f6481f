import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def engines_dir(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty engines folder that the engines' account may enter, unlike ``tmp_path``."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        monkeypatch.setenv("QRM_ENGINES_DIR", name)
        yield folder

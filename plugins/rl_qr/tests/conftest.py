import pytest

from qrmiddleware.testing.generators import make_generator
from qrmiddleware_rl_qr.versions.folder import VersionFolder


@pytest.fixture(scope="session")
def students(tmp_path_factory):
    """Generators that write one word each, however they are asked."""
    folder = tmp_path_factory.mktemp("students")
    return {
        word: make_generator(folder / word, terms=(word,), name=word)
        for word in ("sneaker", "boot", "sock")
    }


@pytest.fixture
def versions(tmp_path, students):
    """Version 0001 writes ``sneaker`` and serves, 0002 ``boot``, 0003 ``sock``."""
    folder = VersionFolder(tmp_path / "versions")
    for student in students.values():
        folder.add(student)
    return folder

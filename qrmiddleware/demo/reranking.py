"""The student that ships with the demo: a small network that was trained on its catalogue."""

import shutil
from importlib import resources
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from qrmiddleware.students.folder import read_student
from qrmiddleware.students.manifest import MANIFEST_FILE

STUDENT: Final = "student"
"""Its folder, in the package and beside the configuration."""
PLUGIN: Final = "walmart_kd"
LIBRARIES: Final = ("ctranslate2", "numpy", "safetensors", "tokenizers")
NO_RERANKING: Final = (
    "No reranking: the plugin walmart_kd or what it computes with is not installed; "
    "pip install 'qrmiddleware[all]' brings both."
)


def can_rerank() -> bool:
    """Tell whether the plugin is installed with all that it needs to compute."""
    plugin = entry_points(group="qrmiddleware", name=PLUGIN)
    computes = all(find_spec(name) is not None for name in LIBRARIES)
    return bool(plugin) and computes and (shipped_student() / MANIFEST_FILE).is_file()


def shipped_student() -> Path:
    """Return the folder in the package."""
    return Path(str(resources.files(__package__) / STUDENT))


def copy_student(folder: Path) -> None:
    """Put the student into a folder; one that is there is replaced.

    Raises:
        ConfigError: If the student that ships is damaged.
    """
    student = read_student(shipped_student())
    target = folder / STUDENT
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(student.path, target, copy_function=shutil.copyfile)


def seen_folds() -> frozenset[int]:
    """Return the folds whose judgments the student was trained on."""
    return frozenset(read_student(shipped_student()).manifest.provenance.seen_folds)

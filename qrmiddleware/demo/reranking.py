"""The students that ship with the demo: small networks that were trained on its catalogue."""

import shutil
from collections.abc import Iterable, Mapping
from importlib import resources
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import Final, Literal, TypeAlias, get_args

from qrmiddleware.students.folder import read_student
from qrmiddleware.students.manifest import MANIFEST_FILE

System: TypeAlias = Literal["walmart_kd", "ellm_rele", "crsd"]
"""Plugin that a student is served by, and named after."""
SYSTEMS: Final[tuple[System, ...]] = get_args(System)
ENGINE_WEIGHTS: Final[Mapping[System, float]] = MappingProxyType(
    {"walmart_kd": 2.0, "ellm_rele": 4.0, "crsd": 4.0}
)
"""Chosen on the searches that a student was trained on: benchmarks/studies/demo_students."""
STUDENTS: Final = "students"
"""Folder of them all, in the package and beside the configuration."""
LIBRARIES: Final = ("ctranslate2", "numpy", "safetensors", "tokenizers")


def usable(chosen: System) -> tuple[System, ...]:
    """Return the students that can rerank here, the chosen one first; none if it cannot."""
    if not can_rerank(chosen):
        return ()
    return (chosen, *(each for each in SYSTEMS if each != chosen and can_rerank(each)))


def can_rerank(system: System) -> bool:
    """Tell whether a student's plugin is installed with all that it needs to compute."""
    plugin = entry_points(group="qrmiddleware", name=system)
    computes = all(find_spec(name) is not None for name in LIBRARIES)
    return bool(plugin) and computes and (shipped_student(system) / MANIFEST_FILE).is_file()


def no_reranking(chosen: System) -> str:
    """Say why nothing reranks, and what to do."""
    return (
        f"No reranking: the plugin {chosen} or what it computes with is not installed; "
        "pip install 'qrmiddleware[all]' brings both."
    )


def pipeline_of(system: System) -> str:
    """Name the pipeline that a student reranks in."""
    return f"shop_{system}"


def shipped_student(system: str) -> Path:
    """Return a student's folder in the package."""
    return Path(str(resources.files(__package__) / STUDENTS)) / system


def copy_students(folder: Path, systems: Iterable[System]) -> None:
    """Put students into a folder, and nothing of the demo's other students beside them.

    Raises:
        ConfigError: If a student that ships is damaged.
    """
    sources = [read_student(shipped_student(system)).path for system in systems]
    for system in SYSTEMS:
        shutil.rmtree(folder / STUDENTS / system, ignore_errors=True)
    for source in sources:
        shutil.copytree(source, folder / STUDENTS / source.name, copy_function=shutil.copyfile)


def seen_folds(system: System) -> frozenset[int]:
    """Return the folds whose judgments a student was trained on."""
    return frozenset(read_student(shipped_student(system)).manifest.provenance.seen_folds)

"""Students to serve, as small as can be."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from qrmiddleware.students.settings import RuntimeSettings
from qrmiddleware.testing.shop import write_shop
from qrmiddleware.testing.students import make_student
from qrmiddleware.testing.training import fresh_accelerator, one_thread  # noqa: F401 for all
from qrmiddleware_walmart_kd import WalmartKd

QUICK = RuntimeSettings(device="cpu", compute_type="float32", inter_threads=2, intra_threads=1)
"""Thread counts are given, since measuring them takes longer than a test."""


@pytest.fixture(scope="session")
def students(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Folders of students by what they are."""
    folder = tmp_path_factory.mktemp("students")
    return {
        "cross": make_student(folder / "cross"),
        "classes": make_student(folder / "classes", gains=(1.0, 0.5, 0.0), seed=1),
        "small": make_student(folder / "small", layers=1, hidden=8, seed=2),
        "bi": make_student(folder / "bi", "bi_encoder", seed=3),
        "branded": make_student(folder / "branded", "bi_encoder", fields=("title", "brand")),
    }


@pytest.fixture
def make() -> Iterator[Callable[..., WalmartKd]]:
    """Make plugins; those that were started are shut down in the end."""
    made: list[WalmartKd] = []

    def make_plugin(model: Path, *, start: bool = True, **options: Any) -> WalmartKd:
        settings = WalmartKd.Settings(model=model, runtime=options.pop("runtime", QUICK), **options)
        plugin = WalmartKd(settings)
        made.append(plugin)
        if start:
            plugin.qrm_startup()
        return plugin

    yield make_plugin
    for plugin in made:
        plugin.qrm_shutdown()


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A judged catalogue in the format ``jsonl``: kettles and toasters of two brands, two folds."""
    return write_shop(tmp_path / "shop")

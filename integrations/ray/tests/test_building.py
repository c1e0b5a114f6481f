"""One Ray for all tests: it takes most of a minute to start on two cores."""

import gc
import json
import warnings
from dataclasses import replace
from pathlib import Path

import pytest

from qrmiddleware.recipes.feedback.offline import OfflineOptions
from qrmiddleware.recipes.feedback.settings import SystemSettings
from qrmiddleware.recipes.feedback.working import GivenUpError
from qrmiddleware.recipes.rewrite_tables.building import CANDIDATES
from qrmiddleware.recipes.rewrite_tables.importing import Target, run_table
from qrmiddleware.recipes.rewrite_tables.settings import BuildSettings, build_here
from qrmiddleware.students.generator.options import DecodingOptions
from qrmiddleware.testing.engine import serve_engine
from qrmiddleware.testing.generators import make_generator
from qrmiddleware.testing.students import make_student

pytestmark = [
    pytest.mark.ray,
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.filterwarnings("default::DeprecationWarning:ray"),
    pytest.mark.filterwarnings("default::FutureWarning:ray"),
    pytest.mark.filterwarnings("ignore:subprocess .* is still running:ResourceWarning"),
    pytest.mark.filterwarnings("ignore:unclosed file .*ray-data:ResourceWarning"),  # Ray's own log
]

WORDS = ("red", "blue", "green", "shoe", "hat", "trainers", "rack", "boots")
DOCUMENTS = {
    f"d{n}": {"title": f"{WORDS[n % 8]} {WORDS[(n * 3 + 1) % 8]} {WORDS[n % 5]}"} for n in range(40)
}
QUERIES = [f"{one} {two}" for one in ("kicks", "cap", "red") for two in WORDS[:6]]


@pytest.fixture(scope="module", autouse=True)
def cluster(tmp_path_factory):
    """Ray with two cores, and without the wishes of ``uv run``."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")
        patched.setenv("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
        patched.setenv("RAY_DATA_DISABLE_PROGRESS_BARS", "1")
        ray = pytest.importorskip("ray")
        ray.init(
            num_cpus=2,
            include_dashboard=False,
            log_to_driver=False,
            object_store_memory=100 * 2**20,
            _temp_dir=str(tmp_path_factory.getbasetemp().parent / "ray"),
        )
        yield
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)  # it leaves processes alone
            ray.shutdown()
            del ray
            gc.collect()


@pytest.fixture
def engine():
    with serve_engine("shop", DOCUMENTS) as url:
        yield url


@pytest.fixture
def make(tmp_path, engine):
    """Settings of a build in a folder of its own: a generator proposes, a student judges."""
    generator = make_generator(tmp_path / "generator", terms=WORDS, seed=3)
    student = make_student(tmp_path / "student")
    (tmp_path / "weak.txt").write_text("".join(f"{query}\n" for query in QUERIES))

    def settings(name, **more):
        folder = tmp_path / name
        system = SystemSettings(
            url=engine,
            index="shop",
            fields=("title",),
            student=student,
            min_score=0.5,
            offline=OfflineOptions(rate=500),
        )
        return BuildSettings(
            tmp_path / "weak.txt",
            folder / "work",
            Target(str(folder / "rewrites.sqlite")),
            system,
            generator,
            decoding=DecodingOptions(n=4, beams=4, max_new_tokens=24),
            workers=2,
            **more,
        )

    return settings


def content(settings):
    file = settings.work / "read.jsonl"
    run_table("export", settings.target.table, str(file))
    return file.read_text()


def nothing(*_):
    pass


def test_a_table_built_on_ray_is_the_table_built_here(make):
    from qrmiddleware_ray.building import build_on_ray  # noqa: PLC0415 Ray loads slowly

    here, there = make("here"), make("there")
    seen = []

    local = build_here(here, nothing)
    spread = build_on_ray(there, lambda *now: seen.append(now))

    assert local.rewrites > 0
    assert content(there) == content(here)
    assert spread == local
    assert seen[-1][1] == local.valued

    # What is known is not worked on again, and either form goes on with the other's work.
    lines = (there.work / CANDIDATES).read_bytes()
    assert build_on_ray(there, nothing) == local
    assert build_here(there, nothing) == local
    assert (there.work / CANDIDATES).read_bytes() == lines

    with Path(there.weak).open("a", encoding="utf-8") as file:
        file.write("cap boots\n")
    more = build_on_ray(there, nothing)
    assert more.weak == local.weak + 1
    assert (there.work / CANDIDATES).read_bytes().startswith(lines)
    assert json.loads((there.work / "report.json").read_bytes())["weak"] == more.weak


def test_an_engine_that_goes_midway_ends_the_build_and_keeps_what_was_found(make, monkeypatch):
    from qrmiddleware_ray import building  # noqa: PLC0415 Ray loads slowly

    work_on = building._results
    with serve_engine("shop", DOCUMENTS) as url, monkeypatch.context() as patched:
        settings = make("failing")
        offline = OfflineOptions(attempts=1, timeout_s=5)
        settings = replace(settings, system=replace(settings.system, url=url, offline=offline))
        gone = replace(settings, system=replace(settings.system, url="http://127.0.0.1:9"))
        patched.setattr(building, "_results", lambda _, tasks: work_on(gone, tasks))

        with pytest.raises(GivenUpError, match=r"http://127\.0\.0\.1:9/shop does not answer"):
            building.build_on_ray(settings, nothing)

        found = (settings.work / CANDIDATES).read_bytes()
        patched.setattr(building, "_results", work_on)
        assert building.build_on_ray(settings, nothing).rewrites > 0

    assert found
    assert (settings.work / CANDIDATES).read_bytes().startswith(found)

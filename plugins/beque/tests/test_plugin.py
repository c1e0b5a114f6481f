import subprocess
import sys

import pytest

from qrmiddleware import Query
from qrmiddleware.students.settings import RuntimeSettings
from qrmiddleware.testing import check_plugin
from qrmiddleware.testing.generators import make_generator
from qrmiddleware_beque import Beque

QUICK = RuntimeSettings(device="cpu", compute_type="float32", inter_threads=1, intra_threads=1)


@pytest.fixture
def plugin(tmp_path):
    folder = make_generator(tmp_path / "student", terms=("sneaker",), name="taught")
    plugin = Beque(Beque.Settings(model=folder, runtime=QUICK, n=1))
    yield plugin
    plugin.qrm_shutdown()


def test_keeps_the_plugin_contract(plugin):
    check_plugin(plugin)


def test_proposes_what_the_student_writes(plugin):
    plugin.qrm_startup()

    (rewrite,) = plugin.qrm_rewrite(Query("red shoe"))

    assert set(rewrite.text.split()) == {"sneaker"}
    assert rewrite.note.startswith("taught, ")
    assert not rewrite.replaces


def test_to_list_the_plugin_no_library_for_students_is_loaded():
    code = "import sys, qrmiddleware_beque, qrmiddleware_beque.commands.app; print(*sys.modules)"

    loaded = subprocess.check_output([sys.executable, "-c", code], text=True).split()

    assert not {"torch", "transformers", "ctranslate2", "numpy"} & set(loaded)

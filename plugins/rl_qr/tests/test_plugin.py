import subprocess
import sys

import pytest
from pydantic import ValidationError

from qrmiddleware import Query
from qrmiddleware.students.settings import RuntimeSettings
from qrmiddleware.testing import check_plugin
from qrmiddleware_rl_qr import RlQr
from qrmiddleware_rl_qr.versions.state import try_out

QUICK = RuntimeSettings(device="cpu", compute_type="float32", inter_threads=1, intra_threads=1)


def test_keeps_the_plugin_contract_with_one_student(students):
    check_plugin(RlQr(RlQr.Settings(model=students["sneaker"], runtime=QUICK)))


def test_keeps_the_plugin_contract_with_versions_and_a_trial(versions):
    versions.change(lambda state: try_out(state, "0002", 0.5))

    check_plugin(RlQr(RlQr.Settings(versions=versions.path, runtime=QUICK)))


def test_options_of_asking_reach_the_student(students):
    plugin = RlQr(RlQr.Settings(model=students["boot"], runtime=QUICK, n=1, most_weight=0.3))
    plugin.qrm_startup()

    (rewrite,) = plugin.qrm_rewrite(Query("red shoe"))
    plugin.qrm_shutdown()

    assert set(rewrite.text.split()) == {"boot"}
    assert rewrite.weight <= 0.3


@pytest.mark.parametrize("given", [{}, {"model": "m", "versions": "v"}])
def test_one_student_or_versions_but_not_both(given):
    with pytest.raises(ValidationError, match="either 'model'"):
        RlQr.Settings(**given)


def test_to_list_the_plugin_no_library_for_students_is_loaded():
    code = "import sys, qrmiddleware_rl_qr, qrmiddleware_rl_qr.commands.app; print(*sys.modules)"

    loaded = subprocess.check_output([sys.executable, "-c", code], text=True).split()

    assert not {"torch", "transformers", "ctranslate2", "numpy"} & set(loaded)

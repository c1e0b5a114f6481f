import subprocess
import sys

import pytest

from qrmiddleware import Query
from qrmiddleware.students.settings import RuntimeSettings
from qrmiddleware.testing import check_plugin, make_hits
from qrmiddleware.testing.students import make_student
from qrmiddleware_ellm_rele import EllmRele

QUICK = RuntimeSettings(device="cpu", compute_type="float32", inter_threads=1, intra_threads=1)
HITS = make_hits("red shoe", "phone case", "laptop")


@pytest.fixture
def plugin(tmp_path):
    folder = make_student(tmp_path / "student", gains=(1.0, 0.5, 0.0, 0.0))
    plugin = EllmRele(EllmRele.Settings(model=folder, runtime=QUICK, min_score=0.3))
    yield plugin
    plugin.qrm_shutdown()


def test_keeps_the_plugin_contract(plugin):
    check_plugin(plugin)


def test_a_score_is_what_the_classes_are_worth_and_the_floor_is_in_scores(plugin):
    plugin.qrm_startup()

    rewards = plugin.qrm_reward(Query("red shoe"), HITS)

    assert all(0 <= reward <= 1 for reward in rewards)
    assert plugin.qrm_filter(Query("red shoe"), HITS) == [reward >= 0.3 for reward in rewards]


def test_to_list_the_plugin_no_library_for_students_is_loaded():
    code = "import sys, qrmiddleware_ellm_rele.commands; print(*sys.modules)"

    loaded = subprocess.check_output([sys.executable, "-c", code], text=True).split()

    assert not {"torch", "transformers", "ctranslate2", "numpy"} & set(loaded)


def test_it_explains_by_the_students_aspects_and_only_when_it_is_asked_to(tmp_path):
    aspects = ("category", "brand", "model", "attribute")
    folder = make_student(tmp_path / "s", gains=(1.0, 0.5, 0.0, 0.0), aspects=aspects)
    plugin = EllmRele(EllmRele.Settings(model=folder, runtime=QUICK, min_score=0.3))
    plugin.qrm_startup()
    query = Query("red shoe")

    plugin.qrm_filter(query, HITS)
    before = plugin.qrm_status()["model"]["texts"]["explained"]
    said = plugin.qrm_explain(query, HITS)

    assert before == 0
    assert all(tuple(each["aspects"]) == aspects for each in said)
    verdicts = {verdict for each in said for verdict in each["aspects"].values()}
    assert verdicts <= {"match", "mismatch", "unspecified"}
    plugin.qrm_shutdown()

from concurrent.futures import CancelledError

import pytest

from qrmiddleware import Query
from qrmiddleware.hooks.patience import Patience
from qrmiddleware.judging import JudgeOptions, StudentJudge
from qrmiddleware.students.settings import RuntimeSettings
from qrmiddleware.testing import check_plugin, make_hits
from qrmiddleware.testing.students import make_student

QUICK = RuntimeSettings(device="cpu", compute_type="float32", inter_threads=1, intra_threads=1)
HITS = make_hits("red shoe", "phone case", "laptop")
QUERY = Query("red shoe")


@pytest.fixture(scope="module")
def student(tmp_path_factory):
    return make_student(tmp_path_factory.mktemp("students") / "cross")


@pytest.fixture
def judge(student):
    judge = StudentJudge(JudgeOptions(model=student, runtime=QUICK, min_score=0.5))
    yield judge
    judge.qrm_shutdown()


def test_keeps_the_plugin_contract(judge):
    check_plugin(judge)


def test_rewards_and_flags_are_of_the_same_scores(judge):
    judge.qrm_startup()

    rewards = judge.qrm_reward(QUERY, HITS)

    assert judge.qrm_filter(QUERY, HITS) == [reward >= 0.5 for reward in rewards]
    assert judge.qrm_status()["model"]["texts"]["asked"] == 2 * len(HITS)


def test_what_its_heir_refuses_is_let_go_of(student):
    class Picky(StudentJudge):
        def check(self, scoring):
            raise ValueError(scoring.model.manifest.kind)

    judge = Picky(JudgeOptions(model=student, runtime=QUICK))

    with pytest.raises(ValueError, match="cross_encoder"):
        judge.qrm_startup()
    assert judge.qrm_status() is None


@pytest.fixture
def explaining(tmp_path):
    folder = make_student(tmp_path / "s", gains=(1.0, 0.5, 0.0), aspects=("category", "brand"))
    judge = StudentJudge(JudgeOptions(model=folder, runtime=QUICK, min_score=0.4))
    yield judge
    judge.qrm_shutdown()


def test_judging_alone_computes_no_verdict(explaining):
    explaining.qrm_startup()

    explaining.qrm_filter(QUERY, HITS)
    explaining.qrm_reward(QUERY, HITS)

    status = explaining.qrm_status()["model"]
    assert status["texts"]["explained"] == 0
    assert status["texts"]["scored"] == len(HITS)


def test_explanations_are_of_the_scores_that_were_judged_by(explaining):
    explaining.qrm_startup()
    rewards = explaining.qrm_reward(QUERY, HITS)

    said = explaining.qrm_explain(QUERY, HITS)

    assert [each["score"] for each in said] == [round(reward, 4) for reward in rewards]
    assert {each["min_score"] for each in said} == {0.4}
    assert all(each["class"] == max(each["classes"], key=each["classes"].get) for each in said)
    assert all(each["aspects"].keys() == {"category", "brand"} for each in said)
    texts = explaining.qrm_status()["model"]["texts"]
    assert (texts["scored"], texts["explained"]) == (len(HITS), len(HITS))


def test_who_explains_keeps_the_contract(explaining):
    check_plugin(explaining)


def test_of_no_query_there_is_nothing_to_say(explaining):
    explaining.qrm_startup()

    assert explaining.qrm_explain(Query(" "), HITS) is None


def test_an_explanation_that_nobody_waits_for_is_cancelled(explaining):
    explaining.qrm_startup()
    explaining.qrm_reward(QUERY, HITS)
    patience = Patience()
    patience.lose()

    with pytest.raises(CancelledError):
        patience.call(lambda: explaining.qrm_explain(QUERY, HITS))

import pytest

from qrmiddleware import Query
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

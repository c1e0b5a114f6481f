import pytest

from qrmiddleware.distill.label_store import LabelStore
from qrmiddleware.distill.labels import Label
from qrmiddleware.errors import ConfigError
from qrmiddleware.recipes.fitting import Fitting
from qrmiddleware_walmart_kd.recipes.stages import StudentPlan, student_lists, teach, warm_up

FITTING = Fitting(2, 1e-3)


@pytest.fixture
def work(tmp_path):
    """A folder of a training with empty files of labels."""
    for name in ("judgments", "catalogue", "teacher"):
        (tmp_path / f"{name}.labels.jsonl").touch()
    return tmp_path


def label(file, teacher, *queries, logit=1.0):
    with LabelStore(file) as store:
        for query in queries:
            for doc_id, sign in (("1", 1), ("2", -1)):
                store.add(
                    Label(
                        pair=f"{query}/{doc_id}",
                        query=query,
                        doc_id=doc_id,
                        teacher=teacher,
                        target=0.5 + 0.4 * sign,
                        logit=logit * sign,
                    )
                )


def targets(lists):
    return [{candidate.doc_id: candidate.target for candidate in item.candidates} for item in lists]


def test_a_teacher_without_judgments_is_not_trained(work):
    with pytest.raises(ConfigError, match=r"judgments\.labels\.jsonl is empty"):
        teach(work, "no-checkpoint", fitting=FITTING)


def test_a_catalogue_that_tells_no_kinds_warms_nothing_up(work):
    with pytest.raises(ConfigError, match=r"no pair is labelled in .*begin with judgments"):
        warm_up(work, "no-checkpoint", fitting=FITTING)


@pytest.mark.parametrize("there", [True, False])
def test_a_student_without_labels_says_which_command_makes_some(work, there):
    if not there:
        (work / "teacher.labels.jsonl").unlink()

    with pytest.raises(ConfigError, match=r"teacher\.labels\.jsonl has no labels: .*kd label`"):
        student_lists(work, StudentPlan(FITTING))


def test_margins_are_learnt_on_logits_and_soft_labels_on_probabilities(work):
    label(work / "teacher.labels.jsonl", "classifier:t", "red", logit=3.0)

    assert targets(student_lists(work, StudentPlan(FITTING))) == [{"1": 3.0, "2": -3.0}]
    assert targets(student_lists(work, StudentPlan(FITTING, "soft"))) == [
        {"1": pytest.approx(0.9), "2": pytest.approx(0.1)}
    ]


def test_a_larger_share_of_the_queries_holds_the_smaller_one(work):
    label(work / "teacher.labels.jsonl", "classifier:t", "a", "b", "c", "d")

    half, most = (
        [item.query for item in student_lists(work, StudentPlan(FITTING, share=share))]
        for share in (0.5, 0.75)
    )

    assert half == most[:2]
    assert len(most) == 3


def test_labels_of_other_teachers_are_averaged(work):
    first, second = work / "first.jsonl", work / "second.jsonl"
    label(first, "classifier:a", "red", logit=1.0)
    label(second, "llm:b", "red", logit=100.0)

    (found,) = targets(student_lists(work, StudentPlan(FITTING, labels=(first, second))))

    assert found == {"1": pytest.approx(1.0), "2": pytest.approx(-1.0)}

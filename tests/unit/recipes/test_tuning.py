from dataclasses import replace

import pytest

from qrmiddleware.distill.causal.models import Size
from qrmiddleware.distill.classes import ESCI
from qrmiddleware.distill.label_store import LabelStore, read_labels
from qrmiddleware.distill.labels import Label
from qrmiddleware.distill.pair_files import read_pairs
from qrmiddleware.distill.teachers.chain_form import ChainForm, read_form
from qrmiddleware.distill.teachers.local import LocalOptions, LocalTeacher
from qrmiddleware.distill.teachers.prompt import SHORT, load_prompt
from qrmiddleware.errors import ConfigError
from qrmiddleware.recipes.causal import Beginning, CausalFitting
from qrmiddleware.recipes.gathering import PAIRS, REASON_LABELS
from qrmiddleware.recipes.tuning import TuningPlan, reasoned_pairs, tune

pytestmark = pytest.mark.students
FORM = ChainForm(load_prompt(SHORT, chain=True), longest_text=60)
PLAN = TuningPlan(
    "some_system",
    CausalFitting(60, 1e-2, rows=16, at_once=16),
    Beginning(Size(400, 1, 32, 2)),
    form=FORM,
)


def test_a_model_learns_to_write_chains_and_says_how_it_is_asked(work, tmp_path):
    made = tune(work, PLAN, tmp_path / "tuned")

    assert made.chains == len(read_labels(work / REASON_LABELS))
    assert (made.others, made.too_long) == (0, 0)
    assert read_form(str(tmp_path / "tuned")) == FORM
    teacher = LocalTeacher(LocalOptions(str(tmp_path / "tuned"), device="cpu", most_tokens=80))
    said = list(teacher.label(list(read_pairs(work / PAIRS))[:6]))
    assert any(isinstance(each, Label) for each in said)


def test_reasons_that_are_no_chains_or_conclude_otherwise_are_left_out(work):
    first, second, third, *_ = read_labels(work / REASON_LABELS)
    labels = [
        first,
        replace(second, reason="It is red."),
        replace(third, grade="S" if third.grade != "S" else "E"),
    ]

    found = list(reasoned_pairs(work, labels, ESCI))

    assert [label for _, label, _ in found] == [first]
    ((pair, _, chain),) = found
    assert (pair.key, str(chain)) == (first.pair, first.reason)


def test_labels_of_other_pairs_are_told(work):
    labels = [replace(each, pair="other") for each in read_labels(work / REASON_LABELS)]

    with pytest.raises(ConfigError, match=r"0 are of pairs in .*qrm label llm --mode chain"):
        reasoned_pairs(work, labels, ESCI)


def test_another_teachers_labels_take_the_reasoners_place(work, tmp_path):
    few = read_labels(work / REASON_LABELS)[:3]
    with LabelStore(tmp_path / "few.jsonl") as store:
        for label in few:
            store.add(replace(label, teacher="llm"))
    plan = replace(PLAN, labels=tmp_path / "few.jsonl", fitting=CausalFitting(2, 1e-3))

    assert tune(work, plan, tmp_path / "tuned").chains == 3

import math
import pickle

import pytest

from qrmiddleware.distill.labels import Label
from qrmiddleware.distill.losses import Scale, margin_mse
from qrmiddleware.distill.modelling import tiny_encoder
from qrmiddleware.errors import ConfigError
from qrmiddleware.recipes import loop
from qrmiddleware.recipes.fitting import Fitting, fit, list_loss, logits_of
from qrmiddleware.recipes.targets import lists_of


def label(query, doc_id, target, *, teacher="t", logit=None):
    return Label(
        pair=f"{query}/{doc_id}",
        query=query,
        doc_id=doc_id,
        teacher=teacher,
        target=target,
        logit=logit,
    )


def targets(item):
    return {candidate.doc_id: candidate.target for candidate in item.candidates}


@pytest.fixture
def encoder():
    pytest.importorskip("torch")
    return tiny_encoder([*TEXTS.values()] * 3, vocabulary=60, layers=2, hidden=32, heads=2, seed=1)


TEXTS = {"1": "red shoe", "2": "blue shoe", "3": "red hat", "4": "blue hat"}
LISTS = lists_of(
    [
        label(query, doc_id, 0.5, logit=4.0 if query in text else -4.0)
        for query in ("red", "blue", "shoe", "hat")
        for doc_id, text in TEXTS.items()
    ],
    logits=True,
)


SCALE = Scale.measured([each.target for item in LISTS for each in item.candidates])


def margins(student, teacher, mask):
    return margin_mse(student, teacher, mask=mask, scale=SCALE)


def learn(encoder, checkpoints, fitting, *, loss=margins, what="student"):
    compared = list_loss(encoder, TEXTS, loss, fitting=fitting)
    fit(encoder, LISTS, loss=compared, fitting=fitting, checkpoints=checkpoints, what=what)


def fitting_of(steps, rate=1e-3):
    return Fitting(steps, rate, queries=4, hits=4, max_query_tokens=4, max_tokens=16)


@pytest.mark.students
def test_a_student_learns_its_teachers_margins(encoder, tmp_path):
    fitting = fitting_of(80, 5e-3)

    learn(encoder, tmp_path, fitting)

    rows = logits_of(encoder, LISTS, TEXTS, fitting=fitting)
    apart = [
        min(told for told, wanted in pairs if wanted > 0)
        - max(told for told, wanted in pairs if wanted < 0)
        for pairs in (
            list(zip(row, targets(item).values(), strict=True))
            for row, item in zip(rows, LISTS, strict=True)
        )
    ]
    assert min(apart) > 1.0  # of 2, as targets are standardised


@pytest.mark.students
def test_a_training_that_is_done_is_not_done_again(encoder, tmp_path):
    fitting = fitting_of(3)
    learn(encoder, tmp_path, fitting)
    learnt = logits_of(encoder, LISTS, TEXTS, fitting=fitting)

    learn(encoder, tmp_path, fitting)

    assert logits_of(encoder, LISTS, TEXTS, fitting=fitting) == learnt
    assert all(math.isfinite(logit) for row in learnt for logit in row)


@pytest.mark.students
def test_another_training_does_not_go_on_in_its_place(encoder, tmp_path):
    fitting = fitting_of(2)
    learn(encoder, tmp_path, fitting)

    with pytest.raises(ConfigError, match="begun with what"):
        learn(encoder, tmp_path, fitting, what="teacher")


def stopping(loss, *, after):
    calls = iter(range(after))

    def compute(*tensors):
        if next(calls, None) is None:
            raise KeyboardInterrupt
        return loss(*tensors)

    return compute


@pytest.mark.students
def test_an_interrupted_training_goes_on_to_the_same_student(encoder, tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "SAVE_EVERY", 2)
    start = {name: weight.clone() for name, weight in encoder.model.state_dict().items()}
    fitting = fitting_of(7)
    learn(encoder, tmp_path / "a", fitting)
    whole = logits_of(encoder, LISTS, TEXTS, fitting=fitting)

    encoder.model.load_state_dict(start)
    with pytest.raises(KeyboardInterrupt):
        learn(encoder, tmp_path / "b", fitting, loss=stopping(margins, after=5))
    encoder.model.load_state_dict(start)
    learn(encoder, tmp_path / "b", fitting, loss=stopping(margins, after=3))  # steps 5, 6 and 7

    assert logits_of(encoder, LISTS, TEXTS, fitting=fitting) == whole


@pytest.mark.students
@pytest.mark.parametrize("file", ["learnt.pt", "state.json", "chance-0.pt"])
def test_a_damaged_checkpoint_is_named_with_what_to_do(encoder, tmp_path, file):
    fitting = fitting_of(2)
    learn(encoder, tmp_path, fitting)
    damaged = tmp_path / "step-00000002" / file
    damaged.write_bytes(damaged.read_bytes()[: damaged.stat().st_size // 2])

    with pytest.raises(ConfigError, match=r"step-00000002 .*damaged.*: remove it"):
        learn(encoder, tmp_path, fitting)


@pytest.mark.students
def test_a_checkpoint_that_would_run_code_is_not_loaded(encoder, tmp_path):
    fitting = fitting_of(2)
    learn(encoder, tmp_path, fitting)
    ran = tmp_path / "ran"
    (tmp_path / "step-00000002" / "learnt.pt").write_bytes(pickle.dumps(Touching(ran), protocol=2))

    with pytest.raises(ConfigError, match=r"step-00000002 .*: remove it"):
        learn(encoder, tmp_path, fitting)

    assert not ran.exists()


class Touching:
    """Makes a file when it is unpickled."""

    def __init__(self, path):
        self._path = path

    def __reduce__(self):
        return (type(self._path).touch, (self._path,))

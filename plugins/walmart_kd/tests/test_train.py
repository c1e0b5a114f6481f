import math
import pickle

import pytest

from qrmiddleware.distill.labels import Label
from qrmiddleware.distill.modelling import tiny_encoder
from qrmiddleware.errors import ConfigError
from qrmiddleware_walmart_kd.recipes import train
from qrmiddleware_walmart_kd.recipes.train import (
    LOSSES,
    Fitting,
    fit,
    lists_of,
    logits_of,
    loss_for,
    mean_of_teachers,
)


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


def test_labels_become_one_list_a_query():
    first, second = lists_of(
        [label("a", "1", 0.5), label("b", "1", 1.0), label("a", "2", 0.0)], logits=False
    )

    assert (first.query, targets(first)) == ("a", {"1": 0.5, "2": 0.0})
    assert (second.query, targets(second)) == ("b", {"1": 1.0})


def test_margins_are_of_the_teachers_logits_where_it_has_some():
    (item,) = lists_of([label("a", "1", 0.5, logit=3.0), label("a", "2", 0.5)], logits=True)

    assert targets(item) == {"1": 3.0, "2": 0.0}


def test_judged_lists_are_apart_from_what_the_catalogue_says():
    weak = label("a", "1", 0.0)
    told = label("a", "1", 1.0, teacher="judgments:people:00")

    catalogue, people = lists_of([weak, told], logits=False)

    assert (catalogue.judged, people.judged) == (False, True)


def test_several_teachers_are_averaged_on_one_scale():
    small = [label("a", "1", 0.5, logit=-1.0), label("a", "2", 0.5, logit=1.0)]
    large = [label("a", "1", 0.5, logit=300.0), label("a", "2", 0.5, logit=100.0)]

    (item,) = mean_of_teachers([small, large])

    assert targets(item) == {"1": 0.0, "2": 0.0}


def test_only_what_all_teachers_label_is_averaged():
    first = [label("a", "1", 0.5, logit=0.0), label("a", "2", 0.5, logit=2.0)]
    second = [label("a", "2", 0.5, logit=2.0), label("b", "1", 0.5, logit=1.0)]

    (item,) = mean_of_teachers([first, second])

    assert list(targets(item)) == ["2"]
    with pytest.raises(ConfigError, match="no pair is labelled by all 2 teachers"):
        mean_of_teachers([[*first[:1], label("c", "1", 0.5, logit=2.0)], second])


@pytest.mark.students
@pytest.mark.parametrize("name", LOSSES)
def test_every_loss_is_least_where_student_and_teacher_agree(name):
    torch = pytest.importorskip("torch")
    probability = name in {"soft", "hard"}
    teacher = torch.tensor([[0.9, 0.1]]) if probability else torch.tensor([[2.0, -2.0]])
    mask = torch.ones(1, 2, dtype=torch.bool)
    items = lists_of([label("a", "1", 0.9), label("a", "2", 0.1)], logits=not probability)
    loss = loss_for(name, items)

    agreeing = loss(torch.tensor([[2.0, -2.0]]), teacher, mask)
    opposed = loss(torch.tensor([[-2.0, 2.0]]), teacher, mask)

    assert float(agreeing) < float(opposed)


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


def fitting_of(steps, rate=1e-3):
    return Fitting(steps, rate, queries=4, hits=4, max_query_tokens=4, max_tokens=16)


@pytest.mark.students
def test_a_student_learns_its_teachers_margins(encoder, tmp_path):
    fitting = fitting_of(80, 5e-3)
    loss = loss_for("margin", LISTS)

    fit(encoder, LISTS, TEXTS, loss=loss, fitting=fitting, checkpoints=tmp_path, what="student")

    rows = logits_of(encoder, LISTS, TEXTS, fitting=fitting)
    margins = [
        min(told for told, wanted in pairs if wanted > 0)
        - max(told for told, wanted in pairs if wanted < 0)
        for pairs in (
            list(zip(row, targets(item).values(), strict=True))
            for row, item in zip(rows, LISTS, strict=True)
        )
    ]
    assert min(margins) > 1.0  # of 2, as targets are standardised


@pytest.mark.students
def test_a_training_that_is_done_is_not_done_again(encoder, tmp_path):
    fitting = fitting_of(3)
    loss = loss_for("margin", LISTS)
    fit(encoder, LISTS, TEXTS, loss=loss, fitting=fitting, checkpoints=tmp_path, what="student")
    learnt = logits_of(encoder, LISTS, TEXTS, fitting=fitting)

    fit(encoder, LISTS, TEXTS, loss=loss, fitting=fitting, checkpoints=tmp_path, what="student")

    assert logits_of(encoder, LISTS, TEXTS, fitting=fitting) == learnt
    assert all(math.isfinite(logit) for row in learnt for logit in row)


@pytest.mark.students
def test_another_training_does_not_go_on_in_its_place(encoder, tmp_path):
    fitting = fitting_of(2)
    loss = loss_for("margin", LISTS)
    fit(encoder, LISTS, TEXTS, loss=loss, fitting=fitting, checkpoints=tmp_path, what="student")

    with pytest.raises(ConfigError, match="begun with what"):
        fit(encoder, LISTS, TEXTS, loss=loss, fitting=fitting, checkpoints=tmp_path, what="teacher")


def stopping(loss, *, after):
    calls = iter(range(after))

    def compute(*tensors):
        if next(calls, None) is None:
            raise KeyboardInterrupt
        return loss(*tensors)

    return compute


@pytest.mark.students
def test_an_interrupted_training_goes_on_to_the_same_student(encoder, tmp_path, monkeypatch):
    monkeypatch.setattr(train, "SAVE_EVERY", 2)
    start = {name: weight.clone() for name, weight in encoder.model.state_dict().items()}
    fitting, loss = fitting_of(7), loss_for("margin", LISTS)
    fit(encoder, LISTS, TEXTS, loss=loss, fitting=fitting, checkpoints=tmp_path / "a", what="s")
    whole = logits_of(encoder, LISTS, TEXTS, fitting=fitting)
    options = {"fitting": fitting, "checkpoints": tmp_path / "b", "what": "s"}

    encoder.model.load_state_dict(start)
    with pytest.raises(KeyboardInterrupt):
        fit(encoder, LISTS, TEXTS, loss=stopping(loss, after=5), **options)
    encoder.model.load_state_dict(start)
    fit(encoder, LISTS, TEXTS, loss=stopping(loss, after=3), **options)  # steps 5, 6 and 7

    assert logits_of(encoder, LISTS, TEXTS, fitting=fitting) == whole


@pytest.mark.students
@pytest.mark.parametrize("file", ["learnt.pt", "state.json", "chance-0.pt"])
def test_a_damaged_checkpoint_is_named_with_what_to_do(encoder, tmp_path, file):
    fitting, loss = fitting_of(2), loss_for("margin", LISTS)
    options = {"loss": loss, "fitting": fitting, "checkpoints": tmp_path, "what": "student"}
    fit(encoder, LISTS, TEXTS, **options)
    damaged = tmp_path / "step-00000002" / file
    damaged.write_bytes(damaged.read_bytes()[: damaged.stat().st_size // 2])

    with pytest.raises(ConfigError, match=r"step-00000002 .*damaged.*: remove it"):
        fit(encoder, LISTS, TEXTS, **options)


@pytest.mark.students
def test_a_checkpoint_that_would_run_code_is_not_loaded(encoder, tmp_path):
    fitting, loss = fitting_of(2), loss_for("margin", LISTS)
    options = {"loss": loss, "fitting": fitting, "checkpoints": tmp_path, "what": "student"}
    fit(encoder, LISTS, TEXTS, **options)
    ran = tmp_path / "ran"
    (tmp_path / "step-00000002" / "learnt.pt").write_bytes(pickle.dumps(Touching(ran), protocol=2))

    with pytest.raises(ConfigError, match=r"step-00000002 .*: remove it"):
        fit(encoder, LISTS, TEXTS, **options)

    assert not ran.exists()


class Touching:
    """Makes a file when it is unpickled."""

    def __init__(self, path):
        self._path = path

    def __reduce__(self):
        return (type(self._path).touch, (self._path,))

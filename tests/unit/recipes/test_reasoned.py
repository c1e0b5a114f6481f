from dataclasses import replace

import pytest
from safetensors.numpy import load_file

from qrmiddleware.distill.classes import read_classes
from qrmiddleware.distill.label_store import LabelStore, read_labels
from qrmiddleware.errors import ConfigError
from qrmiddleware.recipes import gathering
from qrmiddleware.recipes.beginning import Tiny
from qrmiddleware.recipes.fitting import Fitting, list_loss
from qrmiddleware.recipes.reasoned import ReasonedPlan, learn_reasoned

pytestmark = pytest.mark.students
FITTING = Fitting(120, 5e-3, max_tokens=32)
PLAN = ReasonedPlan("some_system", FITTING, Tiny(400, 2, 32, 2), settings={"told": 1})
ASPECTS = {"aspects": ("category", "brand", "model", "attribute"), "verdicts": ("yes", "no")}


@pytest.fixture
def work(shop, tmp_path):
    pytest.importorskip("torch")
    material = gathering.Material(gathering.Source(shop))
    floors = gathering.Floors(products=2, brands=1, one_brand=1)
    every = list(material.texts)
    gathering.gather(
        material,
        tmp_path / "work",
        held_out=(1,),
        making=gathering.Making(queries=10, floors=floors),
        search=lambda _, depth: every[:depth],
    )
    return tmp_path / "work"


def worth(encoder, texts, labels):
    """A loss that only looks at the first class."""
    from torch.nn.functional import mse_loss

    assert labels
    return list_loss(
        encoder, texts, lambda said, wanted, _: mse_loss(said, 4 * wanted), fitting=FITTING
    )


@pytest.mark.timeout(300)
def test_a_student_keeps_what_learnt_verdicts_beside_its_classes(work, tmp_path):
    plan = replace(PLAN, **ASPECTS)

    made = learn_reasoned(work, plan, tmp_path / "student", loss_of=worth)

    assert made.labels == ("exact", "substitute", "complement", "irrelevant")
    assert (made.provenance.recipe, made.provenance.settings["told"]) == ("some_system", 1)
    assert made.provenance.seen_folds == (0,)
    assert (made.aspects, made.verdicts) == (ASPECTS["aspects"], ASPECTS["verdicts"])
    assert made.parity.equal_verdicts >= 0.9
    head = load_file(tmp_path / "student" / "head.safetensors")
    assert (head["out.weight"].shape, head["aspects.weight"].shape) == ((4, 32), (8, 32))


@pytest.mark.timeout(300)
def test_where_no_reason_is_a_chain_there_are_no_verdicts_to_keep(work, tmp_path):
    file = work / gathering.REASON_LABELS
    prose = [replace(label, reason="It fits.") for label in read_labels(file)]
    with LabelStore(tmp_path / "prose.jsonl") as store:
        for label in prose:
            store.add(label)
    plan = replace(PLAN, labels=tmp_path / "prose.jsonl", **ASPECTS)

    made = learn_reasoned(work, plan, tmp_path / "student", loss_of=worth)

    assert (made.aspects, made.verdicts, made.parity.equal_verdicts) == ((), (), None)


def test_without_labels_it_says_who_makes_some(work, tmp_path):
    plan = replace(PLAN, labels=tmp_path / "none.jsonl")

    with pytest.raises(ConfigError, match=r"none\.jsonl has no labels: `qrm some-system gather`"):
        learn_reasoned(work, plan, tmp_path / "student", loss_of=worth)


def test_labels_of_other_classes_are_told(work, tmp_path):
    plan = replace(PLAN, classes=read_classes(["Y=yes:1", "N=no:0"]))

    with pytest.raises(ConfigError, match=r"reasons\.labels.* of class '.': the classes are Y, N"):
        learn_reasoned(work, plan, tmp_path / "student", loss_of=worth)

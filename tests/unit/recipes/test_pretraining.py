import pytest

from qrmiddleware.distill.causal.models import Size, load_causal
from qrmiddleware.distill.causal.rows import packed
from qrmiddleware.distill.causal.scoring import log_probabilities
from qrmiddleware.distill.pair_files import read_pairs
from qrmiddleware.errors import ConfigError
from qrmiddleware.recipes.causal import Beginning, CausalFitting
from qrmiddleware.recipes.gathering import PAIRS
from qrmiddleware.recipes.pretraining import catalogue_texts, pretrain

pytestmark = pytest.mark.students
FITTING = CausalFitting(30, 1e-2, rows=4, at_once=4, max_tokens=32)


def test_every_text_and_query_is_read_once_in_an_order_of_the_seed(work):
    texts = catalogue_texts(work, seed=0)

    pairs = list(read_pairs(work / PAIRS))
    assert sorted(texts) == sorted({t for pair in pairs for t in (pair.query, pair.text)})
    assert texts == catalogue_texts(work, seed=0)
    assert texts != catalogue_texts(work, seed=1)


def test_the_catalogue_becomes_likelier(work, tmp_path):
    """Of a checkpoint that has read it, and of one that has hardly begun."""
    told = []
    for steps in (2, 30):
        target = tmp_path / str(steps)
        fitting = CausalFitting(steps, 1e-2, rows=4, at_once=4, max_tokens=32)
        rows = pretrain(work, Beginning(Size(300, 1, 16, 2)), target, fitting=fitting, tokens=32)
        assert rows > 4
        lm = load_causal(str(target))
        read = list(packed(lm, catalogue_texts(work, seed=0), tokens=32))
        told.append(sum(log_probabilities(lm, read, budget=1000)) / sum(len(r.ids) for r in read))

    assert told[1] > told[0] + 0.5


def test_what_lies_in_the_way_is_told_before_anything_is_done(work, tmp_path):
    (tmp_path / "photos").mkdir()

    with pytest.raises(ConfigError, match="is no checkpoint"):
        pretrain(work, Beginning("no such base"), tmp_path / "photos", fitting=FITTING)

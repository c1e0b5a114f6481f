from types import SimpleNamespace
from typing import get_args

import pytest
from rich.console import Console

from qrmiddleware.config.load import load_settings
from qrmiddleware.demo import rewriting
from qrmiddleware.demo.folder import write_folder
from qrmiddleware.demo.indexing import PLAIN
from qrmiddleware.demo.reranking import shipped_student
from qrmiddleware.demo.rewriting import (
    ASKED,
    GENERATED,
    Rewriter,
    gaps_table,
    measure_gaps,
    no_rewriting,
    told_of_training,
    usable_rewriter,
)
from qrmiddleware.errors import ConfigError
from qrmiddleware.runner.pipelines import Pipelines
from qrmiddleware.students.folder import read_student
from qrmiddleware.testing.generators import make_generator


@pytest.fixture
def shipped(tmp_path, monkeypatch):
    """A generator that only writes ``sneakers``, as if it shipped."""
    folder = make_generator(tmp_path / "package" / "beque", terms=("sneakers",))
    monkeypatch.setattr(rewriting, "shipped_student", lambda system: folder.parent / system)
    return folder


def test_a_rewriter_that_does_not_ship_is_not_used_and_this_is_said(shipped):
    assert usable_rewriter("beque") == "beque"
    assert usable_rewriter("none") is None
    assert usable_rewriter("rl_qr") is None
    assert "none of rl_qr ships" in no_rewriting("rl_qr")
    assert "not installed" in no_rewriting("beque")


def test_the_generator_rewrites_in_the_shop_and_alone(tmp_path, stock, shipped):
    folder = tmp_path / "shop"
    folder.mkdir()

    config = write_folder(folder, stock, upstream={"embedded": True}, rewriter="beque")

    settings = load_settings(config, environment={})
    told = {
        name: [slot.plugin for slot in each.rewriters] for name, each in settings.pipelines.items()
    }
    assert told == {
        "shop": ["rules", "rewrite_table", "beque"],
        "taught": ["rules", "rewrite_table"],
        "generated": ["beque"],
    }
    pipelines = Pipelines(settings)
    pipelines.startup()
    pipelines.shutdown()


def test_the_generator_is_asked_as_was_chosen_for_it(tmp_path, stock, shipped):
    config = write_folder(tmp_path, stock, upstream={"embedded": True}, rewriter="beque")

    options = load_settings(config, environment={}).pipelines["generated"].rewriters[0].options

    asked = ASKED["beque"]
    told = (options["n"], options["min_log_probability"], options["most_weight"])
    assert told == (asked.n, asked.min_log_probability, asked.most_weight)
    assert {"inter_threads": 2, "intra_threads": 1}.items() <= options["runtime"].items()


@pytest.mark.parametrize("rewriter", get_args(Rewriter))
def test_the_generator_that_ships_is_small_and_was_measured_on_a_fold_it_has_not_seen(rewriter):
    folder = shipped_student(rewriter)

    manifest = read_student(folder, expect=("generator",)).manifest

    assert sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) < 1_500_000
    assert manifest.provenance.licence == "Apache-2.0"
    assert manifest.provenance.seen_folds == (0, 1, 2)
    assert manifest.quality["nDCG@10, fold 3, all"] > 0
    assert "these folds: 0, 1, 2." in told_of_training(rewriter)


def test_a_damaged_generator_is_not_copied(tmp_path, stock, shipped):
    (shipped / "terms.txt").write_text("boots")

    with pytest.raises(ConfigError, match=r"terms\.txt"):
        write_folder(tmp_path, stock, upstream={"embedded": True}, rewriter="beque")


async def test_shares_count_the_gaps_that_find_what_they_ask_for(stock):
    async def rankings(texts, *, size, pipeline):
        def ideal(text):
            return sorted(stock.grades(text), key=stock.grades(text).get)[-size:]

        if pipeline == PLAIN:
            return [[] for _ in texts]
        if pipeline == GENERATED:
            return [ideal(text) if place % 2 else ["none"] for place, text in enumerate(texts)]
        return [ideal(text) for text in texts]

    groups = await measure_gaps(SimpleNamespace(rankings=rankings), stock)

    gaps = [query for query in stock.queries if query.kind == "gap"]
    total = groups[-1]
    assert total.name == "all"
    assert total.count == len(gaps) == sum(group.count for group in groups[:-1])
    assert "unsolved" in {group.name for group in groups}
    assert (total.shares["alone"], total.shares["all"]) == (0.0, 1.0)
    assert total.shares["generator"] == pytest.approx(len(gaps) // 2 / len(gaps))
    console = Console(width=100)
    with console.capture() as shown:
        console.print(gaps_table(groups, "beque"))
    assert "unsolved" in shown.get()
    assert "100%" in shown.get()

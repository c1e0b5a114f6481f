import json
from dataclasses import replace

import pytest

from qrmiddleware.distill.label_store import read_labels
from qrmiddleware.distill.pair_files import read_pairs
from qrmiddleware.distill.phrases import Floors
from qrmiddleware.distill.splits import normalised_query
from qrmiddleware.errors import ConfigError
from qrmiddleware.recipes.gathering import (
    CATALOGUE_LABELS,
    JUDGMENT_LABELS,
    PAIRS,
    Making,
    Material,
    Source,
    gather,
    read_gathered,
    read_log,
    read_texts,
)

MAKING = Making(queries=30, floors=Floors(products=2, brands=1, one_brand=1))


@pytest.fixture
def work(tmp_path):
    return tmp_path / "work"


@pytest.fixture
def gathered(shop, work):
    """Gather with fold 1 held out; the engine finds every product, in the catalogue's order."""

    def with_folds(*held_out):
        material = Material(Source(shop, text_fields=("title", "brand")))
        every = list(material.texts)
        return gather(
            material, work, held_out=held_out, making=MAKING, search=lambda _, depth: every[:depth]
        )

    return with_folds


def test_judged_pairs_come_first_and_manufactured_ones_after_them(gathered, work):
    told = gathered(1)

    pairs = list(read_pairs(work / PAIRS))

    assert pairs[0].query == "kettle"
    assert len(pairs) == told.pairs > len({pair.query for pair in pairs})
    assert told.judged_queries == 1
    assert told.manufactured > 0


def test_nothing_of_a_held_out_fold_is_gathered(gathered, work):
    told = gathered(1)

    queries = {normalised_query(pair.query) for pair in read_pairs(work / PAIRS)}
    judged = {label.query for label in read_labels(work / JUDGMENT_LABELS)}

    assert not queries & {"toaster", "toasters"}
    assert judged == {"kettle"}
    assert (told.seen_folds, told.held_out_folds) == ((0,), (1,))
    assert told.dropped >= 1  # the catalogue itself gives "toaster"


def test_with_all_folds_held_out_only_the_catalogue_speaks(gathered, work):
    told = gathered(0, 1)

    queries = {normalised_query(pair.query) for pair in read_pairs(work / PAIRS)}

    assert told.judged_queries == 0
    assert told.seen_folds == ()
    assert not queries & {"kettle", "toaster"}
    assert read_labels(work / JUDGMENT_LABELS) == ()
    assert read_labels(work / CATALOGUE_LABELS)


def test_without_held_out_folds_all_judgments_are_learnt_from(gathered):
    assert gathered().seen_folds == (0, 1)


def test_labels_are_shares_of_the_highest_grade(gathered, work):
    gathered(1)

    targets = {label.doc_id: label.target for label in read_labels(work / JUDGMENT_LABELS)}

    assert targets["k0"] == 1.0
    assert targets["t0"] == 0.0
    assert targets["k1"] == pytest.approx(2 / 3)


def test_logged_queries_are_gathered_but_for_held_out_ones(shop, work, tmp_path):
    log = tmp_path / "log.txt"
    log.write_text("glass kettle\nToasters\nglass kettle\nkettle glass lid\n\n")
    material = Material(Source(shop))
    making = replace(MAKING, logged=read_log(log))
    every = list(material.texts)

    told = gather(
        material, work, held_out=(1,), making=making, search=lambda _, depth: every[:depth]
    )

    queries = {pair.query for pair in read_pairs(work / PAIRS)}
    assert making.logged == ("glass kettle", "Toasters", "kettle glass lid")
    assert {"glass kettle", "kettle glass lid"} <= queries
    assert "Toasters" not in queries
    assert told.logged == 2


@pytest.mark.parametrize("content", [None, " \n"])
def test_a_log_without_queries_is_told(tmp_path, content):
    log = tmp_path / "log.txt"
    if content is not None:
        log.write_text(content)

    with pytest.raises(ConfigError, match="one a line"):
        read_log(log)


def test_the_same_data_gives_the_same_pairs(gathered, work):
    first = gathered(1)
    again = gathered(1)

    assert again == first
    assert read_gathered(work) == first


def test_texts_are_what_the_plugin_will_read_of_a_hit(gathered, work):
    gathered(1)

    assert read_texts(work)["k0"] == "Acme kettle 1 l steel Acme"


def test_a_fold_that_is_not_there_is_named(gathered):
    with pytest.raises(ConfigError, match="no judged query is in fold 7"):
        gathered(7)


def test_a_judged_query_without_a_fold_cannot_be_held_out(shop):
    queries = [json.loads(line) for line in (shop / "queries.jsonl").read_text().splitlines()]
    del queries[0]["fold"]
    (shop / "queries.jsonl").write_text("".join(json.dumps(each) + "\n" for each in queries))

    with pytest.raises(ConfigError, match=r"'kettle'.* is in no fold"):
        Material(Source(shop)).split([1])


def test_fields_that_no_document_has_are_named(shop):
    with pytest.raises(ConfigError, match="no document has any of the fields colour; there are"):
        Material(Source(shop, text_fields=("colour",)))


def test_a_folder_without_pairs_says_what_to_run(tmp_path):
    with pytest.raises(ConfigError, match="qrm walmart-kd gather"):
        read_gathered(tmp_path)

import pytest

from qrmiddleware.config.load import load_settings
from qrmiddleware.demo.folder import CONFIG, write_folder
from qrmiddleware.demo.reranking import ENGINE_WEIGHTS, SYSTEMS
from qrmiddleware.evaluation.formats.registry import load_catalogue, load_judged
from qrmiddleware.runner.pipelines import Pipelines
from qrmiddleware.students.folder import read_student


def test_the_folder_holds_a_configuration_that_starts(tmp_path, stock):
    config = write_folder(tmp_path, stock, upstream={"embedded": "data"})

    settings = load_settings(config, environment={})
    pipelines = Pipelines(settings)
    pipelines.startup()
    pipelines.shutdown()
    assert config == tmp_path / CONFIG
    assert settings.upstream.embedded == tmp_path / "data"
    assert [pipeline.name for pipeline in pipelines] == ["shop"]


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_student_reranks_from_a_copy_in_the_folder(tmp_path, stock, system):
    config = write_folder(tmp_path, stock, upstream={"embedded": "data"}, students=[system])

    settings = load_settings(config, environment={})
    shop, unranked = settings.pipelines["shop"], settings.pipelines["unranked"]
    assert read_student(tmp_path / "students" / system).manifest.kind == "cross_encoder"
    assert [slot.plugin for slot in shop.rewards] == [system]
    assert shop.engine_weight == ENGINE_WEIGHTS[system]
    assert unranked == shop.model_copy(update={"rewards": (), "engine_weight": 0.0})
    assert settings.pipelines[f"shop_{system}"] == shop


def test_the_other_students_have_pipelines_of_their_own(tmp_path, stock):
    students = ["crsd", "walmart_kd", "ellm_rele"]
    config = write_folder(tmp_path, stock, upstream={"embedded": "data"}, students=students)

    pipelines = load_settings(config, environment={}).pipelines
    told = {name: [slot.plugin for slot in each.rewards] for name, each in pipelines.items()}
    assert told == {
        "shop": ["crsd"],
        "unranked": [],
        "shop_crsd": ["crsd"],
        "shop_walmart_kd": ["walmart_kd"],
        "shop_ellm_rele": ["ellm_rele"],
    }


def test_a_folder_with_students_starts_without_measuring_threads(tmp_path, stock):
    config = write_folder(tmp_path, stock, upstream={"embedded": "data"}, students=SYSTEMS)
    settings = load_settings(config, environment={})

    runtimes = [
        slot.options["runtime"] for each in settings.pipelines.values() for slot in each.rewards
    ]
    assert len(runtimes) == 4
    assert all({"inter_threads": 2, "intra_threads": 1}.items() <= r.items() for r in runtimes)
    pipelines = Pipelines(settings)
    pipelines.startup()
    pipelines.shutdown()


def test_the_folder_holds_what_people_may_want_to_look_at(tmp_path, stock):
    write_folder(tmp_path, stock, upstream={"urls": ["http://localhost:9200"]})

    names = {file.name for file in tmp_path.iterdir()}
    assert names >= {"rules.txt", "rewrites.tsv", "rewrites.sqlite"}


def test_the_folder_is_a_collection_that_eval_and_training_read(tmp_path, stock):
    write_folder(tmp_path, stock, upstream={"embedded": "data"})

    judged = load_judged(tmp_path)
    documents = {document.doc_id: document.source for document in load_catalogue(tmp_path)}
    assert [(q.query_id, q.text, q.fold) for q in judged.queries] == [
        (q.query_id, q.text, q.fold) for q in stock.queries
    ]
    assert documents == {p.product_id: p.document() for p in stock.products}
    for query_id, grades in stock.qrels.items():
        found = judged.qrels[query_id]
        assert {doc_id: relevance for doc_id, relevance in found.items() if relevance} == grades
        assert found.keys() <= documents.keys()


def test_writing_twice_replaces_the_files(tmp_path, stock):
    write_folder(tmp_path, stock, upstream={"embedded": True})
    first = (tmp_path / "rules.txt").read_bytes()

    write_folder(tmp_path, stock, upstream={"embedded": True})

    assert (tmp_path / "rules.txt").read_bytes() == first

from qrmiddleware.config.load import load_settings
from qrmiddleware.demo.folder import CONFIG, ENGINE_WEIGHT, write_folder
from qrmiddleware.evaluation.formats.registry import load_catalogue, load_judged
from qrmiddleware.runner.pipelines import Pipelines
from qrmiddleware.students.folder import read_student


def test_the_folder_holds_a_configuration_that_starts(tmp_path, stock):
    config = write_folder(tmp_path, stock, upstream={"embedded": "data"}, rerank=False)

    settings = load_settings(config, environment={})
    pipelines = Pipelines(settings)
    pipelines.startup()
    pipelines.shutdown()
    assert config == tmp_path / CONFIG
    assert settings.upstream.embedded == tmp_path / "data"
    assert [pipeline.name for pipeline in pipelines] == ["shop"]


def test_the_student_reranks_from_a_copy_in_the_folder(tmp_path, stock):
    config = write_folder(tmp_path, stock, upstream={"embedded": "data"}, rerank=True)

    settings = load_settings(config, environment={})
    shop, unranked = settings.pipelines["shop"], settings.pipelines["unranked"]
    assert read_student(tmp_path / "student").manifest.kind == "cross_encoder"
    assert [slot.plugin for slot in shop.rewards] == ["walmart_kd"]
    assert shop.engine_weight == ENGINE_WEIGHT
    assert unranked == shop.model_copy(update={"rewards": (), "engine_weight": 0.0})


def test_a_folder_with_a_student_starts_without_measuring_threads(tmp_path, stock):
    config = write_folder(tmp_path, stock, upstream={"embedded": "data"}, rerank=True)
    (runtime,) = {
        tuple(sorted(slot.options["runtime"].items()))
        for slot in load_settings(config, environment={}).pipelines["shop"].rewards
    }

    assert {"inter_threads": 1, "intra_threads": 1}.items() <= dict(runtime).items()
    pipelines = Pipelines(load_settings(config, environment={}))
    pipelines.startup()
    pipelines.shutdown()
    assert [pipeline.name for pipeline in pipelines] == ["shop", "unranked"]


def test_the_folder_holds_what_people_may_want_to_look_at(tmp_path, stock):
    write_folder(tmp_path, stock, upstream={"urls": ["http://localhost:9200"]}, rerank=False)

    names = {file.name for file in tmp_path.iterdir()}
    assert names >= {"rules.txt", "rewrites.tsv", "rewrites.sqlite"}


def test_the_folder_is_a_collection_that_eval_and_training_read(tmp_path, stock):
    write_folder(tmp_path, stock, upstream={"embedded": "data"}, rerank=False)

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
    write_folder(tmp_path, stock, upstream={"embedded": True}, rerank=False)
    first = (tmp_path / "rules.txt").read_bytes()

    write_folder(tmp_path, stock, upstream={"embedded": True}, rerank=False)

    assert (tmp_path / "rules.txt").read_bytes() == first

from qrmiddleware.config.load import load_settings
from qrmiddleware.demo.folder import CONFIG, write_folder
from qrmiddleware.evaluation.formats.registry import load_catalogue, load_judged
from qrmiddleware.runner.pipelines import Pipelines


def test_the_folder_holds_a_configuration_that_starts(tmp_path, stock):
    config = write_folder(tmp_path, stock, upstream={"embedded": "data"})

    settings = load_settings(config, environment={})
    pipelines = Pipelines(settings)
    pipelines.startup()
    pipelines.shutdown()
    assert config == tmp_path / CONFIG
    assert settings.upstream.embedded == tmp_path / "data"
    assert [pipeline.name for pipeline in pipelines] == ["shop"]


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

from qrmiddleware.config.load import load_settings
from qrmiddleware.demo.folder import CONFIG, write_folder
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
    assert names >= {"rules.txt", "rewrites.tsv", "rewrites.sqlite", "queries.jsonl", "qrels.tsv"}


def test_writing_twice_replaces_the_files(tmp_path, stock):
    write_folder(tmp_path, stock, upstream={"embedded": True})
    first = (tmp_path / "rules.txt").read_bytes()

    write_folder(tmp_path, stock, upstream={"embedded": True})

    assert (tmp_path / "rules.txt").read_bytes() == first

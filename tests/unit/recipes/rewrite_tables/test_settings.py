import pickle

import pytest

from qrmiddleware.errors import ConfigError
from qrmiddleware.recipes.feedback.settings import SystemSettings
from qrmiddleware.recipes.rewrite_tables.importing import Target
from qrmiddleware.recipes.rewrite_tables.settings import BuildSettings, build_here


@pytest.fixture
def make(tmp_path, search_server):
    def settings(weak, **more):
        url, _, index = search_server.url.rpartition("/")
        system = SystemSettings(url=url, index=index, fields=("title",), judgments=tmp_path / "j")
        target = Target(str(tmp_path / "rewrites.sqlite"))
        return BuildSettings(weak, tmp_path / "work", target, system, **more)

    return settings


def test_queries_come_from_a_plain_file_or_from_what_find_weak_wrote(make, tmp_path):
    (tmp_path / "plain.txt").write_text("kicks\n  red  kicks\nkicks\n\n")
    (tmp_path / "weak.jsonl").write_text(
        '{"query": "kicks", "weak": "few results", "stratum": "tail"}\n{"query": "shoe"}\n'
    )

    assert [row.query for row in make(tmp_path / "plain.txt").queries()] == ["kicks", "red kicks"]
    weak = make(tmp_path / "weak.jsonl").queries()
    assert [(row.query, row.stratum) for row in weak] == [("kicks", "tail")]


def test_a_build_can_be_sent_to_another_process(make, tmp_path):
    settings = make(tmp_path / "weak.txt", candidates=tmp_path / "c.jsonl")

    again = pickle.loads(pickle.dumps(settings))  # noqa: S301 ours

    assert again.system.fields == settings.system.fields
    assert (again.choosing, again.decoding) == (settings.choosing, settings.decoding)


def test_somebody_must_propose(make, tmp_path):
    with pytest.raises(ConfigError, match="either --generator or --candidates"):
        build_here(make(tmp_path / "weak.txt"), lambda *_: None)


def test_a_build_here_fills_the_table(make, tmp_path):
    (tmp_path / "j").mkdir()
    (tmp_path / "j" / "queries.jsonl").write_text('{"id": "q1", "query": "kicks"}\n')
    (tmp_path / "j" / "judgments.tsv").write_text("query_id\tproduct_id\tgrade\nq1\td4\t3\n")
    (tmp_path / "weak.txt").write_text("kicks\n")
    (tmp_path / "c.jsonl").write_text('{"query": "kicks", "candidates": [{"text": "trainers"}]}\n')

    report = build_here(
        make(tmp_path / "weak.txt", candidates=tmp_path / "c.jsonl"), lambda *_: None
    )

    assert (report.repaired, report.table_queries) == (1, 1)
    assert (tmp_path / "rewrites.sqlite").exists()

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from qrmiddleware_rewrite_table.commands import app

TSV = "query\trewrite\tscore\ngarden hoze\tgarden hose\t0.9\nhat\tcap\t0.5\n"


@pytest.fixture
def qrm_table(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    Path("rewrites.tsv").write_text(TSV)
    runner = CliRunner()

    def run(*arguments: str, status: int = 0) -> str:
        result = runner.invoke(app, arguments)
        assert result.exit_code == status, result.output
        return result.output

    return run


def test_import_and_show_a_query(qrm_table):
    said = qrm_table("import", "rewrites.tsv", "--to", "t.sqlite")
    shown = qrm_table("show", "t.sqlite", "GARDEN hoze")

    assert "2 rewrites of 2 queries" in said
    assert "garden hose" in shown
    assert "0.9" in shown


def test_show_says_where_a_table_comes_from(qrm_table):
    qrm_table("import", "rewrites.tsv", "--to", "t.sqlite")

    shown = qrm_table("show", "t.sqlite")

    for part in ("rewrites.tsv", "nfkc-casefold-1", "qrmiddleware-rewrite-table", "hat", "cap"):
        assert part in shown


def test_show_says_when_a_query_is_not_known(qrm_table):
    qrm_table("import", "rewrites.tsv", "--to", "t.sqlite")

    assert "no rewrites of '[b]'" in qrm_table("show", "t.sqlite", "[b]", status=1)


@pytest.mark.parametrize("name", ["out.tsv", "out.jsonl", "out.parquet"])
def test_export_and_import_make_an_equal_table(qrm_table, name):
    qrm_table("import", "rewrites.tsv", "--to", "t.sqlite")
    qrm_table("export", "t.sqlite", name)
    qrm_table("import", name, "--to", "again.sqlite")
    qrm_table("export", "again.sqlite", "again.tsv")

    assert Path("again.tsv").read_text() == TSV


def test_append_keeps_what_is_there_and_new_scores_win(qrm_table):
    Path("new.jsonl").write_text(
        '{"query": "hat", "rewrites": [{"text": "cap", "score": 0.25}, "fez"]}\n'
    )
    qrm_table("import", "rewrites.tsv", "--to", "t.sqlite")

    for _ in range(2):
        qrm_table("import", "new.jsonl", "--to", "t.sqlite", "--append")

    qrm_table("export", "t.sqlite", "out.tsv")
    assert Path("out.tsv").read_text().splitlines()[1:] == [
        "garden hoze\tgarden hose\t0.9",
        "hat\tfez\t1.0",
        "hat\tcap\t0.25",
    ]
    shown = qrm_table("show", "t.sqlite").splitlines()
    assert shown[0].split(maxsplit=1)[1].strip() == "rewrites.tsv + new.jsonl"


def test_append_keeps_the_tables_own_normalisation(qrm_table):
    qrm_table("import", "rewrites.tsv", "--to", "t.sqlite", "--ignore-punctuation")
    Path("new.tsv").write_text("T-Shirt\ttee\n")

    qrm_table("import", "new.tsv", "--to", "t.sqlite", "--append")

    assert "tee" in qrm_table("show", "t.sqlite", "t shirt")


def test_append_does_not_change_the_tables_normalisation(qrm_table):
    qrm_table("import", "rewrites.tsv", "--to", "t.sqlite")

    arguments = ("import", "rewrites.tsv", "--to", "t.sqlite", "--append", "--ignore-punctuation")

    assert "leave --ignore-punctuation out" in qrm_table(*arguments, status=1)


def test_bad_rows_are_counted_and_the_first_twenty_are_shown(qrm_table):
    Path("bad.tsv").write_text("hat\tcap\t1\n" + "shoe\n" * 25)

    said = qrm_table("import", "bad.tsv", "--to", "t.sqlite")

    assert "line 2: 1 column(s)" in said
    assert "line 21: " in said
    assert "line 22: " not in said
    assert "and 5 more" in said
    assert "25 bad row(s) left out" in said


def test_strict_writes_nothing_if_a_row_is_bad(qrm_table):
    Path("bad.tsv").write_text("hat\tcap\t1\nshoe\n")

    said = qrm_table("import", "bad.tsv", "--to", "t.sqlite", "--strict", status=1)

    assert "line 2" in said
    assert "1 bad row(s); nothing was written" in said
    assert not Path("t.sqlite").exists()


def test_columns_are_named_on_the_command_line(qrm_table):
    Path("log.tsv").write_text("asked\tbought\nhat\tcap\n")

    qrm_table("import", "log.tsv", "--to", "t.sqlite", "--columns", "asked,bought")

    assert "cap" in qrm_table("show", "t.sqlite", "hat")
    said = qrm_table("import", "log.tsv", "--to", "t.sqlite", "--columns", "asked", status=1)
    assert "two or three names" in said


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("show", "none.sqlite"), "qrm table import rewrites.tsv --to none.sqlite"),
        (("export", "none.sqlite", "out.tsv"), "cannot be opened"),
        (("import", "rewrites.tsv", "--to", "rewrites.tsv"), "move it away first"),
        (("import", "rewrites.tsv", "--to", "no/t.sqlite"), "cannot be written"),
        (("show", "http://host"), "a Redis URL looks like"),
    ],
)
def test_what_goes_wrong_is_said_in_one_line(qrm_table, arguments, said):
    output = qrm_table(*arguments, status=1)

    assert output.startswith("error: ")
    assert said in output
    assert output.count("\n") == 1


@pytest.mark.parametrize("command", ["import", "export", "show"])
def test_help_has_examples(qrm_table, command):
    assert f"qrm table {command} " in qrm_table(command, "--help")


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_an_import_that_is_killed_leaves_the_old_table(qrm_table):
    qrm_table("import", "rewrites.tsv", "--to", "t.sqlite")
    before = Path("t.sqlite").read_bytes()
    os.mkfifo("endless.tsv")
    program = "from qrmiddleware_rewrite_table.commands import app; app()"
    command = [sys.executable, "-c", program, "import", "endless.tsv", "--to", "t.sqlite"]

    with subprocess.Popen(command) as importing, Path("endless.tsv").open("w") as pipe:
        pipe.writelines(f"query {n}\trewrite {n}\n" for n in range(50_000))
        pipe.flush()
        deadline = time.monotonic() + 10
        while not list(Path().glob(".t.sqlite.*.tmp")):
            assert time.monotonic() < deadline
        importing.send_signal(signal.SIGKILL)
        importing.wait()

    assert Path("t.sqlite").read_bytes() == before
    qrm_table("import", "rewrites.tsv", "--to", "t.sqlite", "--append")


def test_exported_files_are_whole_or_not_there(qrm_table):
    qrm_table("import", "rewrites.tsv", "--to", "t.sqlite")
    Path("out.jsonl").write_text("old\n")

    qrm_table("export", "t.sqlite", "out.jsonl")

    records = [json.loads(line) for line in Path("out.jsonl").read_text().splitlines()]
    assert [record["query"] for record in records] == ["garden hoze", "hat"]
    assert not list(Path().glob(".out.jsonl.*"))

from contextlib import closing

import pytest
from typer.testing import CliRunner

from qrmiddleware.distill.rewriting.row_files import read_rows, write_rows
from qrmiddleware.distill.rewriting.rows import CandidateSet, Feedback, RewritePair, Valued
from qrmiddleware.errors import ConfigError
from qrmiddleware.recipes import command_options
from qrmiddleware.students.folder import read_student
from qrmiddleware.students.generator import DecodingOptions, Generator
from qrmiddleware.students.settings import RuntimeSettings
from qrmiddleware.testing.shop import write_shop
from qrmiddleware_beque.commands.app import app
from qrmiddleware_beque.recipes.instructions import JudgedRewrite, read_instructed
from qrmiddleware_beque.recipes.rejection import Score

ONE_THREAD = RuntimeSettings(inter_threads=1, intra_threads=1)
STAGES = ("reject", "instruct", "sft", "candidates", "align", "export")
NEED_TRAINING = {
    "sft": ("WORK",),
    "align": ("WORK",),
    "export": ("WORK", "--to", "x"),
    "candidates": ("queries.txt", "--model", "x", "--to", "y"),
}


def run(*words):
    return CliRunner().invoke(app, [str(word) for word in words])


def done(*words):
    result = run(*words)
    assert result.exit_code == 0, (words[0], result.exception)
    return result.output


@pytest.mark.parametrize("stage", STAGES)
def test_every_stage_shows_examples(stage):
    assert f"qrm beque {stage}" in run(stage, "--help").output


@pytest.mark.parametrize("stage", NEED_TRAINING)
def test_without_the_extra_one_line_says_what_to_install(stage, monkeypatch):
    monkeypatch.setattr(command_options, "find_spec", {"accelerate": True}.get)

    found = run(stage, *NEED_TRAINING[stage])

    assert "pip install 'qrmiddleware-beque[train]'" in str(found.exception)


def test_rejection_tells_what_was_dropped_and_why(tmp_path, pairs):
    write_rows(tmp_path / "pairs.jsonl", [*pairs, pairs[0]])
    scores = [
        Score(query=pair.query, rewrite=pair.rewrite, relevance=n % 2, increment=1.0)
        for n, pair in enumerate(pairs)
    ]
    write_rows(tmp_path / "scores.jsonl", scores)

    told = done(
        "reject",
        tmp_path / "pairs.jsonl",
        *("--scores", tmp_path / "scores.jsonl", "--to", tmp_path / "kept.jsonl"),
        *("--verdicts", tmp_path / "verdicts.jsonl"),
    )

    assert "kept 15 of 31 pairs" in told
    assert "15 dropped: the rewrite finds too little that is relevant" in told
    assert "1 dropped: the rewrite occurs before" in told
    assert list(read_rows(tmp_path / "kept.jsonl", RewritePair)) == pairs[1::2]
    verdicts = list(read_rows(tmp_path / "verdicts.jsonl", JudgedRewrite))
    assert [each.good for each in verdicts] == [True] * 15 + [False] * 15


def test_folds_of_nothing_are_refused(tmp_path, pairs):
    write_rows(tmp_path / "pairs.jsonl", pairs)

    found = run("instruct", tmp_path / "pairs.jsonl", "--to", tmp_path, "--hold-out", "1")

    assert isinstance(found.exception, ConfigError)
    assert "say whose folds these are" in str(found.exception)


@pytest.mark.students
@pytest.mark.parametrize(
    ("words", "first"),
    [
        (("sft", "WORK", "--scratch", "330,1,32,2"), "`qrm beque instruct`"),
        (("align", "WORK"), "`qrm beque sft "),
        (("export", "WORK", "--to", "WORK/x"), "`qrm beque sft "),
        (("candidates", "WORK/q.txt", "--model", "WORK", "--to", "WORK/y"), "`qrm beque sft`"),
    ],
)
def test_every_stage_says_which_one_comes_before(tmp_path, words, first):
    (tmp_path / "q.txt").write_text("telly\n")

    found = run(*(word.replace("WORK", str(tmp_path)) for word in words))

    assert isinstance(found.exception, ConfigError)
    assert first in str(found.exception)


@pytest.mark.students
def test_alignment_without_feedback_says_who_writes_it(taught):
    found = run("align", taught)

    assert isinstance(found.exception, ConfigError)
    assert "`qrm feedback` asks an engine" in str(found.exception)


def engine(row, pairs):
    """Say what a shop says that finds something by one rewrite of each query alone."""
    right = {pair.query: pair.rewrite for pair in pairs}
    return Feedback(
        query=row.query,
        candidates=tuple(
            Valued(
                text=each.text,
                log_probability=each.log_probability,
                increment=float(each.text == right[row.query]),
            )
            for each in row.candidates
        ),
        by="by hand",
    )


@pytest.mark.students
@pytest.mark.timeout(300)
def test_all_stages_lead_from_pairs_to_a_student_that_rewrites(tmp_path, pairs):
    work, shop = tmp_path / "work", write_shop(tmp_path / "shop")
    write_rows(tmp_path / "pairs.jsonl", [*pairs, RewritePair(query="a telly", rewrite="a tv")])
    scores = [
        Score(query=pair.query, rewrite=pair.rewrite, relevance=0.9, increment=1.0)
        for pair in pairs
    ]
    write_rows(tmp_path / "scores.jsonl", scores)
    quick = ("--batch", 10, "--at-once", 10, "--max-tokens", 64)
    done(
        *("reject", tmp_path / "pairs.jsonl", "--scores", tmp_path / "scores.jsonl"),
        *("--to", tmp_path / "kept.jsonl", "--verdicts", tmp_path / "verdicts.jsonl"),
    )
    told = done(
        *("instruct", tmp_path / "kept.jsonl", "--to", work, "--prompts", "rewriting-short-1"),
        *("--verdicts", tmp_path / "verdicts.jsonl", "--titles", shop, "--hold-out", "1"),
        *("--quality", 10),
    )
    assert "30 rewrite, 10 quality, 1 title, 0 reasoned; 1 queries are kept out" in told
    assert read_instructed(work).seen_folds == (0,)
    done("sft", work, "--scratch", "340,1,32,2", "--epochs", 40, "--rate", "1e-2", *quick)
    (tmp_path / "queries.txt").write_text("".join(f"{pair.query}\n" for pair in pairs))
    candidates = work / "candidates.jsonl"
    proposed = ("candidates", tmp_path / "queries.txt", "--model", work / "sft", "--to", candidates)
    assert "candidates of 30 queries" in done(*proposed, "--count", 3)
    rows = list(read_rows(candidates, CandidateSet))
    write_rows(work / "feedback.jsonl", (engine(row, pairs) for row in rows))
    told = done("align", work, "--rate", "1e-3", "--epochs", 2, *quick)
    assert "aligned: learnt the candidates of" in told
    assert "int8 writes what float32 writes" in done("export", work, "--to", tmp_path / "student")

    manifest = read_student(tmp_path / "student", expect="generator").manifest
    stages = [each["command"] for each in manifest.provenance.settings["stages"]]
    assert stages == ["qrm beque sft", "qrm beque align"]
    assert manifest.provenance.seen_folds == (0,)
    with closing(Generator.open(tmp_path / "student", ONE_THREAD)) as student:
        (best, *_) = student.generate("red telly", DecodingOptions(n=1, max_new_tokens=16))
    assert best.text == "red television"

    exact = ("export", work, "--to", tmp_path / "exact", "--stored", "float32")
    assert "float32 writes what float32 writes for 100.0%" in done(*exact)
    assert read_student(tmp_path / "exact").manifest.stored == "float32"

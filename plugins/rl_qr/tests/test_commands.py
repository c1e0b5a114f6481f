import json

import pytest
from typer.testing import CliRunner

from qrmiddleware.distill.rewriting.rows import RewritePair
from qrmiddleware.errors import ConfigError
from qrmiddleware.recipes import command_options
from qrmiddleware.students.folder import read_student
from qrmiddleware_rl_qr.commands.app import app
from qrmiddleware_rl_qr.recipes.pairs import PAIRS, read_pairs, write_pairs
from qrmiddleware_rl_qr.recipes.versions import read_versions

STAGES = ("pairs", "ask", "teacher", "distill", "student", "online", "score")


def run(*words):
    return CliRunner().invoke(app, list(map(str, words)))


@pytest.fixture
def work(shop, tmp_path):
    file = shop.write_queries(tmp_path / "queries.jsonl")
    done = run("pairs", file, "--to", tmp_path / "work")
    assert done.exit_code == 0, done.exception
    return tmp_path / "work"


@pytest.mark.parametrize("stage", STAGES)
def test_every_stage_shows_examples(stage):
    assert f"qrm rl-qr {stage}" in run(stage, "--help").output


@pytest.mark.parametrize("stage", ["teacher", "distill", "student", "online"])
def test_without_the_extra_one_line_says_what_to_install(stage, tmp_path, monkeypatch):
    monkeypatch.setattr(command_options, "find_spec", {"accelerate": True}.get)
    told = {
        "student": ("--to", "s"),
        "online": ("--log", "l", "--url", "u", "--index", "i", "--relevance", "r"),
    }

    done = run(stage, tmp_path, *told.get(stage, ()))

    assert "pip install 'qrmiddleware-rl-qr[train]'" in str(done.exception)


def test_pairs_are_gathered_from_files_people_and_judgments(shop, tmp_path):
    queries = shop.write_queries(tmp_path / "queries.jsonl")
    people = tmp_path / "people.tsv"
    people.write_text("something soft to sit on\tsofa\nlamp\tLamp\n")

    done = run("pairs", queries, people, "--to", tmp_path, "--least", "3", "--test", "0.2")

    assert done.exit_code == 0, done.exception
    assert "72 of 72 queries' pairs share at least 3 products" in done.output
    assert "1 rewrites were told (left out: 1 echo)" in done.output
    pairs = read_pairs(tmp_path / PAIRS)
    assert len(pairs) == 145
    assert {pair.split for pair in pairs} == {"train", "valid", "test"}


def test_a_judge_refuses_pairs(shop, talker, tmp_path):
    queries = shop.write_queries(tmp_path / "queries.jsonl", kinds=("sofa",))
    said = {"settee": '{"equivalent": false}', "couch": '{"equivalent": true}'}
    with talker(said) as server:
        told = ("--judge-endpoint", server.url, "--judge-model", "m")
        done = run("pairs", queries, "--to", tmp_path, *told)

        assert done.exit_code == 0, done.exception
        assert "(refused: 12, unanswered: 0)" in done.output
    assert len(read_pairs(tmp_path / PAIRS)) == 12


def test_sources_that_make_no_pair_are_refused(tmp_path):
    file = tmp_path / "queries.jsonl"
    file.write_text('{"query": "a", "product_ids": ["x"]}\n')

    done = run("pairs", file, "--to", tmp_path)
    wrong = run("pairs", file, "--to", tmp_path, "--where", "subset")

    assert isinstance(done.exception, ConfigError)
    assert "nobody wrote a rewrite" in str(done.exception)
    assert "--where: expected something like subset=train,Others" in str(wrong.exception)


def test_a_language_model_is_asked_for_rewrites_once(work, talker):
    answer = json.dumps({"rewrites": ["one more wording"]})
    with talker({"Search:": answer}) as server:
        told = ("--endpoint", server.url, "--model", "m", "--limit", "5")
        first, second = run("ask", work, *told), run("ask", work, *told)

        assert first.exit_code == 0, first.exception
        assert "5 rewrites; 5 queries asked now, 0 remembered" in first.output
        assert "beyond the limit" in first.output
        assert "10 rewrites; 5 queries asked now, 5 remembered" in second.output
        assert len(server.requests) == 10
    assert {pair.source for pair in read_pairs(work / "asked.jsonl")} == {"llm:m:rewrite-1"}


def test_rewrites_are_scored_beside_copying(work):
    held = [pair for pair in read_pairs(work / PAIRS) if pair.split == "test"]
    write_pairs(work / "told.jsonl", held)

    done = run("score", work, "--predictions", work / "told.jsonl")

    assert done.exit_code == 0, done.exception
    copied, told = (line.split("│") for line in done.output.splitlines() if "│" in line)
    assert [cell.strip() for cell in copied[3:5]] == ["0.000", "0.500"]
    assert [cell.strip() for cell in told[3:5]] == ["1.000", "1.000"]
    write_pairs(work / PAIRS, [RewritePair(query="a", rewrite="b", split="train")])
    assert "has no pairs for test" in str(run("score", work).exception)


@pytest.mark.students
def test_distilling_says_which_stage_comes_before(work):
    done = run("distill", work)

    assert isinstance(done.exception, ConfigError)
    assert "`qrm rl-qr teacher" in str(done.exception)


@pytest.mark.students
@pytest.mark.timeout(400)
def test_a_student_learns_from_pairs_and_then_online_from_an_engine(work, engine, shop, tmp_path):
    judged = tmp_path / "judged"
    judged.mkdir()
    (judged / "queries.jsonl").write_text(
        "".join(
            json.dumps({"query_id": query.replace(" ", "_"), "query": query}) + "\n"
            for query in shop.queries()
        )
    )
    rows = (
        f"{query.replace(' ', '_')}\t{doc_id}\t1\n"
        for query in shop.queries()
        for doc_id in sorted(shop.relevant(query))
    )
    (judged / "judgments.tsv").write_text("query_id\tproduct_id\tgrade\n" + "".join(rows))
    log = tmp_path / "log.txt"
    log.write_text("\n".join(shop.queries()))
    quick = ("--batch", "16", "--at-once", "16")

    done = run(
        *("distill", work, "--pairs", "--on-policy-steps", "0", "--scratch", "320,1,48,2"),
        *("--steps", "150", "--rate", "1e-2", *quick),
    )
    assert done.exit_code == 0, done.exception
    done = run("student", work, "--to", tmp_path / "distilled", "--stored", "float32")
    assert done.exit_code == 0, done.exception
    assert read_student(tmp_path / "distilled").manifest.stored == "float32"
    done = run(
        *("online", work, "--log", log, "--url", engine, "--index", "shop"),
        *("--relevance", judged, "--queries", "12", "--samples", "6", "--rewrite-tokens", "8"),
        *("--steps", "3", "--rate", "1e-4", "--judge-limit", "30", "--tolerance", "1", *quick),
    )

    assert done.exit_code == 0, done.exception
    assert "version 0001" in done.output
    first, second = read_versions(work)
    assert first.chosen
    assert second.queries == 12
    assert set(second.components) >= {"relevance", "increment", "diversity", "feedback"}
    assert (work / "online" / "opinions.jsonl").read_bytes().count(b"\n") <= 30

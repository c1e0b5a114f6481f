"""``qrm eval run`` against a small server, and ``qrm eval score`` on files."""

import json

import pytest

from qrmiddleware.evaluation.report.saved import read_json


@pytest.fixture
def data(tmp_path):
    """Four queries in two folds; nothing is relevant to the last."""
    folder = tmp_path / "shop"
    folder.mkdir()
    texts = ("shoe", "hat", "trainers", "boots")
    queries = [
        json.dumps({"id": f"q{n}", "query": text, "fold": n % 2}) for n, text in enumerate(texts)
    ]
    (folder / "queries.jsonl").write_text("\n".join(queries) + "\n")
    (folder / "judgments.tsv").write_text(
        "query_id\tproduct_id\tgrade\n"
        "q0\td1\t2\nq0\td2\t1\nq0\td5\t0\nq1\td3\t3\nq2\td4\t1\nq3\td1\t0\n"
    )
    return folder


@pytest.fixture
def run(qrm, data, search_server, tmp_path):
    def run(*arguments):
        common = ("--data", data, "--cache", tmp_path / "cache", "--fields", "title")
        return qrm("eval", "run", *common, *arguments)

    return run


def test_measures_stand_side_by_side_with_the_differences(run, search_server):
    url = search_server.url

    ran = run("--arm", f"plain={url}", "--arm", f"strict={url};operator=and")

    assert ran.code == 0
    assert "plain" in ran.out
    assert "nDCG@10 condensed" in ran.out
    assert "“strict” against “plain”" in ran.out
    assert "3 of 4 queries are measured; 1 left out, nothing is judged relevant" in ran.out


def test_arms_may_stand_in_a_file_with_bodies_beside_it(qrm, data, search_server, tmp_path):
    (tmp_path / "body.json").write_text('{"query": {"match": {"title": "{{query}}"}}}')
    (tmp_path / "arms.yaml").write_text(
        f"arms: [{{name: match, url: '{search_server.url}', body: body.json}}]"
    )

    ran = qrm("eval", "run", "--data", data, "--arms", "arms.yaml", "--no-cache", "--depth", 10)

    assert ran.code == 0
    assert search_server.engine.asked[0]["query"] == {"match": {"title": "shoe"}}
    assert "R@100" not in ran.out  # nobody looked that deep


def test_a_repeat_comes_from_the_cache_and_says_so(run, search_server):
    run("--arm", f"plain={search_server.url}")

    ran = run("--arm", f"plain={search_server.url}")

    assert "4 of 4 rankings come from the cache" in ran.err


def test_without_a_cache_nothing_is_kept(run, search_server, tmp_path):
    run("--arm", f"plain={search_server.url}", "--no-cache")

    assert not (tmp_path / "cache").exists()


def test_failed_searches_fail_the_run_and_are_shown(run, search_server):
    search_server.broken = {"hat": (500, {"error": "boom"})}

    ran = run("--arm", f"plain={search_server.url}")

    assert ran.code == 1
    assert "plain, query q1: HTTP 500: boom" in ran.err
    assert "2 of 4 queries" in ran.out
    assert "1 left out, an arm failed" in " ".join(ran.out.split())


def test_a_number_of_failures_may_be_put_up_with(run, search_server):
    search_server.broken = {"hat": (500, {"error": "boom"})}

    assert run("--arm", f"plain={search_server.url}", "--max-failures", 1).code == 0


def test_many_failures_are_counted_not_listed(qrm, search_server, tmp_path):
    folder = tmp_path / "many"
    folder.mkdir()
    (folder / "queries.jsonl").write_text(
        "".join(json.dumps({"id": f"q{n}", "query": f"hat {n}"}) + "\n" for n in range(9))
    )
    (folder / "judgments.tsv").write_text("query_id\tproduct_id\tgrade\nq0\td3\t1\n")
    search_server.broken = {"hat": (500, {"error": "boom"})}

    ran = qrm(
        "eval", "run", "-d", folder, "--fields", "title", "-a", f"a={search_server.url}",
        "--no-cache",
    )  # fmt: skip

    assert ran.err.count("HTTP 500: boom") == 5
    assert "a: 9 searches failed in all" in ran.err
    assert "0 of 9 queries" in ran.out


def test_folds_choose_queries(run, search_server):
    ran = run("--arm", f"plain={search_server.url}", "--folds", "0")

    assert "2 of 2 queries" in ran.out
    assert {"shoe", "trainers"} == {
        body["query"]["multi_match"]["query"] for body in search_server.engine.asked
    }


def test_a_model_is_not_measured_on_its_training(run, search_server):
    arm = f"model={search_server.url};trained_on=0"

    leak = run("--arm", arm)
    fine = run("--arm", arm, "--folds", "1")

    assert leak.code == 2
    assert "arm model was trained on folds 0: 2 of 4 queries" in leak.err
    assert fine.code == 0


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ((), "there is no arm"),
        (("--depth", "20000"), "Elasticsearch and OpenSearch refuse"),
        (("--folds", "7"), "--folds 7: no query is in fold 7; there is 0, 1"),
        (("--folds", "x"), "--folds x: invalid literal"),
        (("--option", "gain"), "--option takes key=value, not 'gain'"),
        (("--arm", "http://h/i"), "begin with its name"),
    ],
)
def test_what_cannot_work_is_said_before_anything_is_asked(run, arguments, problem):
    ran = run(*arguments)

    assert ran.code == 2
    assert problem in " ".join(ran.err.split())


def test_saved_runs_score_as_they_did(run, qrm, data, search_server, tmp_path):
    url = search_server.url
    run("--arm", f"plain={url}", "--arm", f"a/b={url};operator=and", "--save-runs", "runs")
    assert sorted(path.name for path in (tmp_path / "runs").iterdir()) == [
        "a_b.trec",
        "plain.trec",
    ]

    ran = qrm("eval", "score", "runs/plain.trec", "runs/a_b.trec", "--data", data, "--depth", 1000)

    assert ran.code == 0
    assert "“a_b” against “plain”" in ran.out
    assert "R@1000" in ran.out
    assert "p50" not in ran.out


@pytest.mark.parametrize(
    ("length", "arguments", "deepest"),
    [
        (2, (), "nDCG@10"),
        (10, (), "nDCG@10"),
        (11, (), "R@100"),
        (101, (), "R@1000"),
        (2, ("--depth", 1000), "R@1000"),
        (2, ("--depth", 100), "R@100"),
    ],
)
def test_short_rankings_are_measured_as_deep_as_they_were_likely_cut(
    qrm, data, tmp_path, length, arguments, deepest
):
    lines = [f"q0 Q0 d{n} {n} {1000 - n} x\n" for n in range(1, length + 1)]
    (tmp_path / "x.trec").write_text("".join(lines))

    ran = qrm("eval", "score", "x.trec", "--data", data, *arguments)

    printed = [name for name in ("nDCG@10", "R@100", "R@1000") if f" {name} " in ran.out]
    assert printed[-1] == deepest


def test_two_runs_of_one_name_are_told_apart_by_nobody(qrm, data, tmp_path):
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "x.trec").write_text("q0 Q0 d1 1 1.0 x\n")

    ran = qrm("eval", "score", "one/x.trec", "two/x.trec", "--data", data)

    assert ran.code == 2
    assert "two runs are called x" in ran.err


def test_ids_that_never_meet_are_pointed_out(qrm, data, tmp_path):
    (tmp_path / "x.trec").write_text("q0 Q0 SKU-1 1 1.0 x\n")

    ran = qrm("eval", "score", "x.trec", "--data", data)

    assert "hits are called such as 'SKU-1'" in " ".join(ran.err.split())


def rewriting(reply):
    """Say what a proxy says with debug output, of the only rewrite that it knows."""
    decision = {"kind": "rewrite", "text": "trainers", "admitted": True}
    reply["ext"] = {"qrm": {"decisions": [decision]}}
    for hit in reply["hits"]["hits"]:
        hit["_qrm"] = {"found_by": ["trainers"]}


def test_rewrites_are_attributed_and_valued_alone(run, search_server):
    search_server.changed = rewriting

    ran = run("--arm", f"plain={search_server.url}", "--value-rewrites", "--no-cache")

    assert ran.code == 0
    assert "Rewrites" in ran.out
    asked = [body["query"]["multi_match"]["query"] for body in search_server.engine.asked]
    assert asked[-1] == "trainers"


def test_what_users_reached_elsewhere_tells_the_hit_rate(run, search_server, tmp_path):
    search_server.changed = rewriting
    bought = tmp_path / "bought.tsv"
    bought.write_text("query_id\tdoc_id\nq0\td1\nq0\td5\nq2\td4\nq2\td9\n")
    saved = tmp_path / "e.json"
    options = ("--value-rewrites", "--no-cache", "--reached", str(bought), "--json", str(saved))

    ran = run("--arm", f"plain={search_server.url}", *options)

    assert ran.code == 0
    rates = {each.query_id: each.value.hit_rate for each in read_json(saved).arms[0].attribution}
    assert rates == {"q0": 1.0, "q1": None, "q2": 1.0}


def test_what_users_reached_says_nothing_without_rewrites(run, search_server, tmp_path):
    ran = run("--arm", f"plain={search_server.url}", "--reached", str(tmp_path / "x.tsv"))

    assert ran.code == 2
    assert "give --value-rewrites as well" in " ".join(ran.err.split())


def test_a_rewrite_that_cannot_be_asked_is_not_valued(run, search_server):
    search_server.changed = rewriting
    search_server.broken = {"trainers": (500, {"error": "boom"})}

    ran = run(
        "--arm", f"plain={search_server.url}", "--value-rewrites", "--folds", "1", "--no-cache"
    )  # fmt: skip

    assert ran.code == 0
    assert "rewrite 'trainers': HTTP 500: boom; it is not valued" in " ".join(ran.err.split())


def test_arms_without_rewrites_have_none_valued(run, search_server):
    ran = run("--arm", f"plain={search_server.url}", "--value-rewrites")

    assert ran.code == 0
    assert "no arm says that it used a rewrite" in ran.err
    assert "no arm says which wording found a hit" in ran.err


def test_reports_are_written_where_they_are_wished_for(run, search_server, tmp_path):
    ran = run(
        "--arm", f"plain={search_server.url}", "--json", "a.json", "--markdown", "a.md",
        "--html", "a.html", "--measure", "nDCG@10",
    )  # fmt: skip

    assert ran.code == 0
    assert {"a.json", "a.md", "a.html"} <= {path.name for path in tmp_path.iterdir()}


@pytest.mark.parametrize("command", ["run", "score"])
def test_help_shows_examples(qrm, command):
    ran = qrm("eval", command, "--help")

    assert "Examples:" in ran.out
    assert f"qrm eval {command}" in ran.out

"""``qrm eval index`` and ``qrm eval convert`` as people run them."""

import json
import urllib.request

import pytest

from qrmiddleware.cli.evaluate.indexing import shown_url

PRODUCTS = (
    '{"id": "1", "title": "Desk lamp", "brand": "Acme"}\n'
    '{"id": "2", "title": "Running shoes", "brand": "Fleet"}\n'
)


@pytest.fixture
def shop(tmp_path):
    folder = tmp_path / "shop"
    folder.mkdir()
    (folder / "products.jsonl").write_text(PRODUCTS)
    (folder / "queries.jsonl").write_text('{"id": "q1", "query": "lamp", "fold": 1}\n')
    (folder / "judgments.tsv").write_text("query_id\tproduct_id\tgrade\nq1\t1\t3\nq1\t2\t0\n")
    return folder


def found(url, index, query):
    body = json.dumps({"query": query}).encode()
    request = urllib.request.Request(  # noqa: S310 the test's own engine
        f"{url}/{index}/_search", body, {"content-type": "application/json"}
    )
    with urllib.request.urlopen(request) as reply:  # noqa: S310 as above
        return [hit["_id"] for hit in json.load(reply)["hits"]["hits"]]


def test_index_says_what_it_did(qrm, engine_url, shop):
    ran = qrm("eval", "index", shop, "--url", engine_url)

    assert ran.code == 0
    assert f"2 documents are in products at {engine_url} (the embedded engine), in " in ran.out
    assert "text fields: title, brand; analyzer standard" in ran.out
    assert "not merged: this engine does not offer it" in ran.out
    assert found(engine_url, "products", {"match": {"title": "lamp"}}) == ["1"]


def test_index_takes_analyzer_and_fields(qrm, engine_url, shop):
    options = ("--index", "mine", "--analyzer", "english", "--fields", "title")

    ran = qrm("eval", "index", shop, "-u", engine_url, *options)

    assert "text fields: title; analyzer english" in ran.out
    assert found(engine_url, "mine", {"match": {"title": "run"}}) == ["2"]
    assert found(engine_url, "mine", {"term": {"brand": "Acme"}}) == ["1"]


def test_index_takes_a_mapping(qrm, engine_url, shop, tmp_path):
    mapping = tmp_path / "index.json"
    mapping.write_text('{"properties": {"brand": {"type": "text"}}}')

    ran = qrm("eval", "index", shop, "-u", engine_url, "--mapping", mapping)

    assert "text fields: brand\n" in ran.out
    assert found(engine_url, "products", {"match": {"brand": "acme"}}) == ["1"]


def test_index_does_not_overwrite_unless_told_to(qrm, engine_url, shop):
    qrm("eval", "index", shop, "-u", engine_url)

    again = qrm("eval", "index", shop, "-u", engine_url)
    replaced = qrm("eval", "index", shop, "-u", engine_url, "--replace")

    assert again.code == 2
    assert "there is an index products already" in again.err
    assert replaced.code == 0


def test_index_counts_ids_that_come_again(qrm, engine_url, tmp_path):
    (tmp_path / "mine.jsonl").write_text('{"sku": "a", "t": "x"}\n{"sku": "a", "t": "y"}\n')

    ran = qrm("eval", "index", "mine.jsonl", "-u", engine_url, "-o", "id=sku")

    assert "1 documents are in products" in ran.out
    assert "1 documents came under an id again" in ran.out


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (("--option", "id"), "--option takes key=value, not 'id'"),
        (("--option", "colour=red"), "format jsonl has no option 'colour'; it has gain, id"),
        (("--format", "csv"), "there is no format 'csv'; choose esci"),
        (("--format", "trec"), "format trec has no catalogue; these have: esci"),
        (("--mapping", "shop/products.jsonl"), "cannot be read as JSON"),
        (("--api-key-env", "QRM_NO_SUCH_KEY"), "the environment has no QRM_NO_SUCH_KEY"),
        (("--index", "A*"), "'A*' is no name of an index"),
        (("--url", "http://127.0.0.1:9"), "http://127.0.0.1:9: cannot connect"),
    ],
)
def test_index_says_in_a_line_what_is_wrong(qrm, engine_url, shop, options, problem):
    ran = qrm("eval", "index", shop, "--url", engine_url, *options)

    assert ran.code == 2
    assert problem in ran.err


def test_index_wants_a_mapping_or_fields(qrm, engine_url, shop, tmp_path):
    (tmp_path / "index.json").write_text('{"properties": {}}')

    ran = qrm("eval", "index", shop, "-u", engine_url, "--fields", "a", "--mapping", "index.json")

    assert "--fields and --mapping both say what is text" in ran.err


def test_index_sends_the_key(qrm, engine_url, shop, monkeypatch):
    monkeypatch.setenv("SHOP_KEY", "abc")

    assert qrm("eval", "index", shop, "-u", engine_url, "--api-key-env", "SHOP_KEY").code == 0


def test_credentials_are_not_printed():
    assert (
        shown_url("https://elastic:secret@shop.example:9200/es") == "https://shop.example:9200/es"
    )


def test_convert_writes_what_is_there(qrm, shop, tmp_path):
    ran = qrm("eval", "convert", shop, "--to", "new")

    assert ran.code == 0
    assert "1 queries and 2 judgments are in new (format jsonl)" in ran.out
    assert "2 products are in new (format jsonl)" in ran.out
    assert {file.name for file in (tmp_path / "new").iterdir()} == {
        "queries.jsonl",
        "judgments.tsv",
        "gains.json",
        "products.jsonl.gz",
    }
    assert (tmp_path / "new" / "queries.jsonl").read_text() == (shop / "queries.jsonl").read_text()


def test_convert_says_what_it_left_out(qrm, shop):
    (shop / "products.jsonl").unlink()

    ran = qrm("eval", "convert", shop, "--to", "new")

    assert ran.code == 0
    assert "left out:" in ran.err
    assert "expected products.jsonl or products.jsonl.gz, found" in ran.err


def test_convert_reads_formats_without_a_catalogue(qrm, tmp_path):
    (tmp_path / "rated.csv").write_text("query,docid,rating\nlamp,1,3\n")

    ran = qrm("eval", "convert", "rated.csv", "--to", "new")

    assert ran.code == 0
    assert "1 queries and 1 judgments are in new (format quepid)" in ran.out
    assert ran.err == ""


def test_convert_fails_if_nothing_is_there(qrm, tmp_path):
    (tmp_path / "empty").mkdir()

    ran = qrm("eval", "convert", "empty", "--format", "wands", "--to", "new")

    assert ran.code == 2
    assert "expected query.csv, found no files" in ran.err


def test_convert_does_not_overwrite_unless_told_to(qrm, shop):
    qrm("eval", "convert", shop, "--to", "new")

    again = qrm("eval", "convert", shop, "--to", "new")
    replaced = qrm("eval", "convert", shop, "--to", "new", "--replace")

    assert again.code == 2
    assert "new is not empty" in again.err
    assert replaced.code == 0


@pytest.mark.parametrize("command", ["index", "convert"])
def test_help_has_examples(qrm, command):
    ran = qrm("eval", command, "--help")

    assert f"qrm eval {command} ./wands" in ran.out

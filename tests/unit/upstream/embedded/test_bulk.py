import pytest


def test_each_line_succeeds_or_fails_by_itself(shop):
    body = (
        b'{"index":{"_id":"1"}}\n{"price":1}\n'
        b'{"create":{"_id":"2"}}\n{"price":1}\n'
        b'{"create":{"_id":"new"}}\n{"price":1}\n\n'
        b'{"delete":{"_id":"3"}}\n'
        b'{"delete":{"_id":"none"}}\n'
        b'{"update":{"_id":"4"}}\n{"doc":{"price":5}}\n'
        b'{"update":{"_id":"none"}}\n{"doc":{"price":5}}\n'
        b'{"index":{}}\n{"price":"cheap"}\n'
        b'{"index":{"_id":"x"}}\n{broken\n'
    )

    status, reply = shop("POST", "/shop/_bulk?refresh", body)

    assert (status, reply["errors"]) == (200, True)
    outcomes = [
        (action, result["status"], result.get("error", {}).get("type", result.get("result")))
        for item in reply["items"]
        for action, result in item.items()
    ]
    assert outcomes == [
        ("index", 200, "updated"),
        ("create", 409, "version_conflict_engine_exception"),
        ("create", 201, "created"),
        ("delete", 200, "deleted"),
        ("delete", 404, "not_found"),
        ("update", 200, "updated"),
        ("update", 404, "document_missing_exception"),
        ("index", 400, "document_parsing_exception"),
        ("index", 400, "document_parsing_exception"),
    ]
    assert shop("GET", "/shop/_count")[1]["count"] == 5


def test_lines_name_their_own_index(ask):
    body = b'{"index":{"_index":"a","_id":"1"}}\n{}\n{"index":{"_index":"Bad"}}\n{}\n'

    _, reply = ask("POST", "/_bulk", body)

    assert [item["index"]["status"] for item in reply["items"]] == [201, 400]
    assert ask("GET", "/a/_count")[1]["count"] == 1


def test_an_index_that_must_be_an_alias_is_not_made(ask):
    _, reply = ask("POST", "/a/_bulk?require_alias=true", b'{"index":{}}\n{}\n')

    assert reply["items"][0]["index"]["status"] == 404
    assert ask("HEAD", "/a")[0] == 404


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b'{"index":{}}\n{}', "terminated by a newline"),
        (b"\n", "no requests added"),
        (b'{"nope":{}}\n{}\n', "expected field"),
        (b'{"index":5}\n{}\n', "expected field"),
        (b'{"index":{},"x":{}}\n{}\n', "2 fields"),
        (b'{"index":{}}\n', "no source"),
        (b'{"delete":{}}\n', "id is missing"),
        (b'{"index":{"pipeline":"x"}}\n{}\n', "pipeline"),
        (b"[]\n", "START_OBJECT"),
        (b"nonsense\n", "malformed JSON"),
    ],
)
def test_a_body_that_cannot_be_read_fails_as_a_whole(ask, body, problem):
    status, reply = ask("POST", "/a/_bulk", body)

    assert status == 400
    assert problem in reply["error"]["reason"]
    assert ask("HEAD", "/a")[0] == 404


def test_an_index_must_be_named(ask):
    assert ask("POST", "/_bulk", b'{"index":{}}\n{}\n')[0] == 400


def test_the_last_write_of_an_id_counts(ask):
    body = b'{"index":{"_id":"1"}}\n{"t":"one"}\n{"index":{"_id":"1"}}\n{"t":"two"}\n'

    ask("POST", "/a/_bulk", body)

    assert ask("GET", "/a/_search?q=one")[1]["hits"]["total"]["value"] == 0
    assert ask("GET", "/a/_search?q=two")[1]["hits"]["total"]["value"] == 1

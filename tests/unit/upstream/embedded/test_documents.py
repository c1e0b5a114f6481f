import pytest


def test_a_document_is_written_shown_and_deleted(ask):
    status, created = ask("PUT", "/shop/_doc/1?refresh=wait_for", {"a": 1.50})
    assert (status, created["result"], created["_version"]) == (201, "created", 1)
    status, updated = ask("PUT", "/shop/_doc/1?refresh=true", {"a": 2})
    assert (status, updated["result"], updated["forced_refresh"]) == (200, "updated", True)

    status, shown = ask("GET", "/shop/_doc/1")
    assert (status, shown["found"], shown["_version"], shown["_source"]) == (200, True, 2, {"a": 2})

    assert ask("DELETE", "/shop/_doc/1")[1]["result"] == "deleted"
    assert ask("DELETE", "/shop/_doc/1")[0] == 404
    assert ask("GET", "/shop/_doc/1") == (404, {"_index": "shop", "_id": "1", "found": False})


def test_a_source_is_given_back_as_it_was_written(engine):
    source = b'{"a": 1.50,  "b": "\\u00e9"}'
    engine.handle("PUT", "/shop/_doc/1", (), source)

    assert engine.handle("GET", "/shop/_source/1")[2] == source
    assert engine.handle("GET", "/shop/_source/2")[0] == 404


def test_documents_get_an_id(ask):
    status, written = ask("POST", "/shop/_doc", {"a": 1})

    assert status == 201
    assert ask("GET", f"/shop/_doc/{written['_id']}")[1]["found"]


@pytest.mark.parametrize("target", ["/shop/_create/1", "/shop/_doc/1?op_type=create"])
def test_create_does_not_overwrite(ask, target):
    assert ask("PUT", target, {"a": 1})[0] == 201

    status, reply = ask("PUT", target, {"a": 2})

    assert (status, reply["error"]["type"]) == (409, "version_conflict_engine_exception")


def test_updates_merge(ask):
    ask("PUT", "/shop/_doc/1", {"a": {"b": 1, "c": 2}})

    assert ask("POST", "/shop/_update/1", {"doc": {"a": {"b": 5}}})[1]["result"] == "updated"
    assert ask("POST", "/shop/_update/1", {"doc": {"a": {"b": 5}}})[1]["result"] == "noop"
    assert ask("GET", "/shop/_source/1")[1] == {"a": {"b": 5, "c": 2}}
    assert ask("POST", "/shop/_update/2", {"doc": {"a": 1}})[0] == 404
    assert ask("POST", "/shop/_update/2", {"doc": {"x": 1}, "doc_as_upsert": True})[0] == 201
    assert ask("POST", "/shop/_update/3", {"doc": {"x": 1}, "upsert": {"x": 0}})[0] == 201
    assert ask("POST", "/shop/_update/1", {"script": "x"})[0] == 400
    assert ask("POST", "/shop/_update/1", {})[0] == 400


def test_many_are_shown_at_once(shop):
    _, reply = shop("POST", "/shop/_mget", {"ids": ["2", "9"]})
    assert [(d["_id"], d["found"]) for d in reply["docs"]] == [("2", True), ("9", False)]

    docs = [{"_index": "shop", "_id": "1", "_source": ["brand"]}, {"_index": "no", "_id": "1"}]
    _, reply = shop("POST", "/_mget", {"docs": docs})
    assert reply["docs"][0]["_source"] == {"brand": "acme"}
    assert reply["docs"][1]["error"]["type"] == "index_not_found_exception"
    assert shop("POST", "/_mget", {})[0] == 400


def test_part_of_a_source_is_shown(shop):
    _, shown = shop("GET", "/shop/_doc/1?_source_includes=br*,price&_source_excludes=price")
    _, hidden = shop("GET", "/shop/_doc/1?_source=false")

    assert shown["_source"] == {"brand": "acme"}
    assert "_source" not in hidden


def test_an_empty_body_is_refused(ask):
    assert ask("PUT", "/shop/_doc/1", b"")[0] == 400

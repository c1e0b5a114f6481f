import gzip
import json
import signal
import subprocess
import sys
import threading

import pytest

from qrmiddleware.upstream.embedded.engine import EmbeddedEngine

WRITER = """
import json, sys
from pathlib import Path
from qrmiddleware.upstream.embedded.engine import EmbeddedEngine

engine = EmbeddedEngine(Path(sys.argv[1]))
for batch in range(10_000):
    lines = []
    for number in range(20):
        lines.append(json.dumps({"index": {"_id": f"{batch}-{number}"}}))
        lines.append(json.dumps({"title": f"document {batch}", f"field{batch % 9}": number}))
    status, _, body = engine.handle("POST", "/docs/_bulk", (), ("\\n".join(lines) + "\\n").encode())
    assert status == 200 and not json.loads(body)["errors"]
    print(batch, flush=True)
"""


def test_what_was_acknowledged_outlives_kill_9_in_the_middle_of_bulk_writes(tmp_path):
    acknowledged = -1
    for round_of_writes in range(2):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE, text=True
        )
        for line in writer.stdout:
            acknowledged = max(acknowledged, int(line))
            if int(line) == 12 + round_of_writes:
                writer.send_signal(signal.SIGKILL)
                break
        writer.stdout.close()
        assert writer.wait() == -signal.SIGKILL

        engine = EmbeddedEngine(tmp_path)
        kept = search(engine, "/docs/_search?size=10000&_source=false")
        ids = {hit["_id"] for hit in kept["hits"]["hits"]}
        expected = {f"{b}-{n}" for b in range(acknowledged + 1) for n in range(20)}
        assert expected <= ids
        assert len(ids) % 20 == 0
        words = search(engine, "/docs/_search?q=title:x", query={"match": {"title": "document"}})
        assert words["hits"]["total"]["value"] == len(ids)
        engine.close()


def search(engine, target, query=None):
    body = b"" if query is None else json.dumps({"query": query}).encode()
    status, _, content = engine.handle("POST", target.replace("?q=title:x", ""), (), body)
    assert status == 200
    return json.loads(content)


def test_says_that_it_is_elasticsearch_in_the_headers_clients_look_at(engine):
    accept = "application/vnd.elasticsearch+json; compatible-with=9"

    status, headers, body = engine.handle("GET", "/", [("Accept", accept)])

    assert status == 200
    assert dict(headers) == {
        "x-elastic-product": "Elasticsearch",
        "content-type": "application/vnd.elasticsearch+json;compatible-with=9",
    }
    assert json.loads(body)["version"]["number"].startswith("9.")


def test_answers_plain_json_to_who_asks_for_it(engine):
    _, headers, body = engine.handle("GET", "/?pretty")

    assert dict(headers)["content-type"] == "application/json"
    assert body.startswith(b'{\n  "name"')


def test_head_has_no_body(engine):
    engine.handle("PUT", "/shop")

    assert engine.handle("HEAD", "/shop")[::2] == (200, b"")
    assert engine.handle("HEAD", "/nope")[::2] == (404, b"")


def test_filter_path_leaves_what_it_names(ask):
    _, reply = ask("GET", "/?filter_path=version.number,tagline")

    assert reply == {"version": {"number": "9.2.0"}, "tagline": "You Know, for Search"}


def test_bodies_may_be_gzipped(ask):
    body = gzip.compress(b'{"a": 1}')

    assert ask("PUT", "/docs/_doc/1", body, content_encoding="gzip")[0] == 201
    assert ask("PUT", "/docs/_doc/1", b"no gzip", content_encoding="gzip")[0] == 400
    assert ask("PUT", "/docs/_doc/1", body, content_encoding="br")[0] == 400


def test_bodies_that_are_not_json_are_refused(ask):
    status, reply = ask("POST", "/_search", b"\xa0", content_type="application/cbor")

    assert status == 406
    assert "application/cbor" in reply["error"]["reason"]


@pytest.mark.parametrize(
    "body",
    [b"{", b"null", b"[]", b'{"query": "x"}', b'{"a": "\xff"}', b'{"a":' * 5000, b'{"sort": 5}',
     b'{"aggs": {"a": 5}}', b'{"query": {"multi_match": {"query": "x", "fields": 5}}}'],
)  # fmt: skip
def test_malformed_bodies_are_a_400_in_the_shape_of_elasticsearch(ask, body):
    ask("PUT", "/docs/_doc/1", {"title": "x"})

    status, reply = ask("POST", "/docs/_search", body)

    assert (status, reply["status"]) == (400, 400)
    assert reply["error"]["root_cause"][0]["reason"] == reply["error"]["reason"]


def test_threads_may_write_and_search_at_once(engine):
    def write(worker):
        for number in range(20):
            engine.handle("PUT", f"/docs/_doc/{worker}-{number}", (), b'{"title": "word"}')
            engine.handle("GET", "/docs/_search?q=word")

    threads = [threading.Thread(target=write, args=(worker,)) for worker in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert search(engine, "/docs/_search")["hits"]["total"]["value"] == 80


def leave_room(engine, pages):
    """Let the store grow to so many pages, or to what it has if that is more, as a disk does."""
    engine._catalog._store._db.execute(f"PRAGMA max_page_count = {pages}")


def test_a_full_disk_refuses_writes_and_answers_searches(engine):
    big = json.dumps({"title": "x" * 50_000}).encode()
    line = b'{"index":{"_index":"shop"}}\n'
    engine.handle("PUT", "/shop/_doc/1", (), b'{"title": "laptop"}')
    leave_room(engine, 1)

    refused = [engine.handle("PUT", "/shop/_doc/2", (), big) for _ in range(2)]
    refused.append(engine.handle("POST", "/_bulk", (), line + big + b"\n"))
    status, _, body = engine.handle("GET", "/shop/_search")
    leave_room(engine, 1_000)
    taken, *_ = engine.handle("PUT", "/shop/_doc/2", (), big)

    assert [status for status, *_ in refused] == [429] * 3
    assert json.loads(refused[0][2])["error"]["type"] == "cluster_block_exception"
    assert (status, json.loads(body)["hits"]["total"]["value"]) == (200, 1)
    assert taken == 201
    assert json.loads(engine.handle("GET", "/shop/_count")[2])["count"] == 2

import json
import subprocess
import sys

import pytest

from qrmiddleware.errors import ConfigError, UpstreamError
from qrmiddleware.upstream.embedded import EmbeddedUpstream
from qrmiddleware.upstream.exchange import UpstreamRequest


async def test_answers_requests_as_an_upstream():
    upstream = EmbeddedUpstream()
    await upstream.start()

    async def body():
        yield b'{"index":{"_id":"1"}}\n'
        yield b'{"title":"x"}\n'

    written = await upstream.send(UpstreamRequest("POST", "/docs/_bulk", body=body()))
    reply = await upstream.send(UpstreamRequest("GET", "/docs/_search?q=x"))

    assert (written.status, reply.status) == (200, 200)
    assert json.loads(await reply.read())["hits"]["total"]["value"] == 1
    assert b"".join([chunk async for chunk in reply.chunks()]) == await reply.read()
    assert ("x-elastic-product", "Elasticsearch") in reply.headers
    await reply.close()
    await upstream.close()


async def test_keeps_indices_in_a_folder(tmp_path):
    for status in (201, 200):
        upstream = EmbeddedUpstream(tmp_path)
        await upstream.start()
        request = UpstreamRequest("PUT", "/docs/_doc/1", body=b"{}")
        assert (await upstream.send(request)).status == status
        await upstream.close()


async def test_must_be_started():
    with pytest.raises(UpstreamError, match="not started"):
        await EmbeddedUpstream().send(UpstreamRequest("GET", "/"))


async def test_a_folder_in_use_is_the_operators_problem(tmp_path):
    first, second = EmbeddedUpstream(tmp_path), EmbeddedUpstream(tmp_path)
    await first.start()

    with pytest.raises(ConfigError, match="in use"):
        await second.start()

    await second.close()
    await first.close()


def test_tantivy_is_loaded_with_the_first_engine_only():
    code = (
        "import sys; import qrmiddleware.upstream.embedded;"
        "sys.exit(any(m in sys.modules for m in ('tantivy', 'sqlite3')))"
    )

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

"""Queries that carry headers, log lines, terminal commands or HTML: they stay queries."""

import asyncio
import json

import pytest
from pydantic import BaseModel

from qrmiddleware.hooks import hookimpl
from qrmiddleware.model import Rewrite
from qrmiddleware.proxy.logs import make_log

EVIL = (
    "laptop\r\nSet-Cookie: broken=in\r\n\r\n<html>",
    'laptop\n2026-01-01T00:00:00Z [info     ] forged event user="admin"',
    "laptop \x1b[2J\x1b]0;title\x07 \x9b31m",
    "laptop\u2028\u202eforged\u0085line",
    'laptop <img src=x onerror="alert(1)">',
    'laptop", "admin": true, "x": "',
    "laptop\x00 end",
)


class Parrot:
    """Rewrites with what was asked, breaks its contract with it, or raises it."""

    class Settings(BaseModel):
        mood: str = "rewrites"

    def __init__(self, settings):
        self._mood = settings.mood

    @hookimpl
    def qrm_rewrite(self, query):
        if self._mood == "raises":
            raise RuntimeError(query.text)
        if self._mood == "rubbish":
            return [query.text]
        return [Rewrite(f"{query.text} again", note=query.text)]


def pipelines(mood):
    return {"de\tfault é": {"timeout_ms": 5000, "rewriters": [{"plugin": "parrot", "mood": mood}]}}


@pytest.mark.parametrize("mood", ["rewrites", "raises", "rubbish"])
@pytest.mark.parametrize("text", EVIL)
@pytest.mark.parametrize("form", ["console", "json"])
async def test_no_query_ends_a_header_or_a_line_of_the_log(
    proxied, write_http, reply_with, *, capsys, form, text, mood
):
    refusals = iter([write_http({"error": {"reason": text}}, "400 Bad Request")])
    proxy = await proxied(
        lambda asked: next(refusals, write_http(reply_with("laptop"))),
        plugins={"parrot": Parrot},
        pipelines=pipelines(mood),
        log={"format": form, "level": "debug", "access": True},
    )
    capsys.readouterr()
    body = json.dumps({"query": {"match": {"title": text}}, "ext": {"qrm": {"query_text": text}}})

    reply = await proxy.ask(
        "/p/_search?qrm_debug",
        body.encode().replace(b"}}, ", b"}},\r\n\n"),
        x_opaque_id="\xff\x9b31m",
    )

    names = {name for name, _ in reply.fields}
    assert names <= {
        *("content-type", "content-length", "connection", "server-timing"),
        *(name for name in names if name.startswith("x-qrm-")),
    }
    assert "<html>" not in str(reply.fields)
    assert all(value.isprintable() or "\x9b" in value for _, value in reply.fields)
    assert reply.field("content-type") == "application/json"
    printed = capsys.readouterr().err
    assert "parrot" in printed or mood == "rewrites"
    for line in printed.splitlines():
        if form == "json":
            json.loads(line)
        else:
            assert line.startswith(("20", "  ", "Traceback"))
            assert "forged event user" not in line or line.index("forged") > 40
        assert not set("\x00\x07\x1b\x9b\x85\u2028\u202e") & set(line)


async def test_a_header_of_what_a_client_says_is_encoded(proxied):
    proxy = await proxied(pipelines=pipelines("rewrites"), plugins={"parrot": Parrot})

    reply = await proxy.ask(
        "/p/_search", {"query": {"match": {"title": "laptop"}}}, x_request_id="\u00e9 id"
    )

    assert reply.field("x-qrm-pipeline").encode("latin-1").decode() == "de fault é"
    assert "\n" not in str(reply.fields)


@pytest.mark.parametrize(
    "header", ["X-QRM-Query: a\r\n b", "X-QRM-Query: a\x00b", "X-Opaque-Id: \x1b[2J"]
)
async def test_a_header_field_that_is_none_is_refused(proxied, header):
    proxy = await proxied(pipelines=pipelines("rewrites"), plugins={"parrot": Parrot})
    raw = f"POST /p/_search HTTP/1.1\r\nHost: x\r\n{header}\r\nContent-Length: 0\r\n\r\n"

    reply = await proxy.send(raw.encode())

    assert reply.status == 400
    assert proxy.engine.asked == []


async def test_a_head_that_never_ends_is_refused(proxied):
    proxy = await proxied()
    endless = b"GET / HTTP/1.1\r\nHost: x\r\nX-A: " + b"a" * 2**18

    reply = await proxy.send(endless)

    assert reply.status == 400
    assert "larger than" in reply.json["error"]["reason"]


async def test_a_long_body_is_no_long_head(proxied):
    proxy = await proxied()

    assert (await proxy.ask("/_bulk", b"x" * 2**19)).status == 200
    assert (await proxy.ask("/" + "a" * 60_000, b"")).status == 200


async def test_a_head_behind_a_long_body_counts_for_itself(proxied):
    proxy = await proxied()
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    body = b"x" * 200_000
    first = b"POST /_bulk HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body) + body

    writer.write(first + b"GET / HTTP/1.1\r\nX-A: a")
    statuses = [(await proxy.read(reader)).status]
    writer.write(b"\r\n\r\n")
    statuses.append((await proxy.read(reader)).status)
    writer.close()

    assert statuses == [200, 200]


def test_people_are_shown_controls_instead_of_obeying_them(capsys):
    log = make_log_to_console()

    log.warning("ev\nent\x1b[2J", problem="\x9b31mred", request_id="a\r\nb")
    try:
        raise ValueError(EVIL[1] + EVIL[2])
    except ValueError:
        log.exception("failed")

    printed = capsys.readouterr().err
    assert not set("\x1b\x9b\x07\r") & set(printed)
    heads = [line for line in printed.splitlines() if not line.startswith(("  ", "Traceback"))]
    assert len(heads) == 2
    assert r"ev\nent\x1b[2J" in heads[0]


def make_log_to_console():
    from qrmiddleware.config.settings import LogSettings  # noqa: PLC0415

    return make_log(LogSettings(format="console"))

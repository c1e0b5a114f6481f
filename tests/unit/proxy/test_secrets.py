"""A marker in every place where a secret can stand, and a search for it in all that comes out."""

import base64
import json
import os
import urllib.parse

import pytest
import yaml
from typer.testing import CliRunner

from qrmiddleware.cli.app import build_app
from qrmiddleware.config.load import load_settings
from qrmiddleware.errors import ConfigError
from qrmiddleware.proxy.admin import AdminApp

MARKER = "Zq9hunter2"
SPELLINGS = (
    MARKER,
    base64.b64encode(f"shop:{MARKER}".encode()).decode(),
    urllib.parse.quote(MARKER),
)
SEARCH = {"query": {"match": {"title": "laptop"}}, "ext": {"qrm": {"debug": True}}}
CREDENTIALS = [
    {"QRMIDDLEWARE_UPSTREAM__USERNAME": "shop", "QRMIDDLEWARE_UPSTREAM__PASSWORD": MARKER},
    {"QRMIDDLEWARE_UPSTREAM__API_KEY": MARKER},
    {"QRMIDDLEWARE_DEBUG__ACCESS": "token", "QRMIDDLEWARE_DEBUG__TOKEN": MARKER},
]  # fmt: skip
FILES = [
    {"upstream": {"username": "shop", "password_file": "secret"}},
    {"upstream": {"api_key_file": "secret"}},
    {"debug": {"access": "token", "token_file": "secret"}},
]
IN_THE_FILE = [
    {"upstream": {"username": "shop", "password": MARKER}},
    {"upstream": {"api_key": MARKER}},
    {"debug": {"access": "token", "token": MARKER}},
    {"upstream": {"urls": [f"http://shop:{MARKER}@localhost:9200"]}},
    {"upstream": {"urls": f"http://shop:{MARKER}@localhost:9200"}},
    {
        "pipelines": {
            "a": {"rewriters": [{"plugin": "rewrite_table", "redis": f"redis://:{MARKER}@h"}]}
        }
    },
    {
        "pipelines": {
            "a": {"rewriters": [{"plugin": "rm3", "url": f"http://a:{MARKER}@h", "fields": "t"}]}
        }
    },
]


def assert_clean(*texts: str) -> None:
    for text in texts:
        for spelling in SPELLINGS:
            assert spelling not in text


def run(tmp_path, config, environment, *command) -> str:
    """Run ``qrm`` with a configuration; returns all that it prints, and its exit code."""
    file = tmp_path / "qrmiddleware.yaml"
    file.write_text(yaml.safe_dump(config))
    (tmp_path / "secret").write_text(f"{MARKER}\n")
    unset = {name: None for name in os.environ if name.startswith("QRMIDDLEWARE_")}
    done = CliRunner().invoke(
        build_app(), [*command, "-c", str(file)], env={**unset, **environment}
    )
    return f"{done.output}{done.exception!r}{done.exc_info}"


@pytest.mark.parametrize("environment", CREDENTIALS)
def test_check_shows_no_secret_of_the_environment(tmp_path, environment):
    assert_clean(
        run(tmp_path, {"upstream": {"urls": "http://127.0.0.1:1"}}, environment, "check"),
        run(tmp_path, {"listen": {"prot": 1}}, environment, "check"),
        run(tmp_path, {"upstream": {"username": []}}, environment, "check", "--offline"),
    )


@pytest.mark.parametrize("config", FILES)
def test_check_shows_no_secret_of_a_file_that_holds_it(tmp_path, config):
    shown = run(tmp_path, config, {}, "check", "--offline")

    assert "configuration is fine" in shown
    assert_clean(shown)


@pytest.mark.parametrize("config", IN_THE_FILE)
def test_a_secret_in_the_file_is_refused_unseen_with_its_line(tmp_path, config):
    file = tmp_path / "qrmiddleware.yaml"
    file.write_text(yaml.safe_dump(config))

    with pytest.raises(ConfigError, match=rf"{file}:\d+: .* has no place in the file") as caught:
        load_settings(file, environment={})

    assert_clean(str(caught.value), run(tmp_path, config, {}, "check", "--offline"))


@pytest.mark.parametrize("text", ['"{}', "{}: , x: {{", "*{}", "!{} x", "{}\x07", "@{}", "[{}"])
def test_a_file_that_is_no_yaml_is_refused_without_its_text(tmp_path, text):
    file = tmp_path / "qrmiddleware.yaml"
    file.write_text("upstream:\n  password: " + text.format(MARKER))

    with pytest.raises(ConfigError) as caught:
        load_settings(file, environment={})

    assert_clean(str(caught.value))
    with pytest.raises(ConfigError) as caught:
        load_settings(environment={"QRMIDDLEWARE_UPSTREAM__URLS": text.format(MARKER) + ": ["})
    assert_clean(str(caught.value))


@pytest.mark.parametrize("url", ["ftp://a:{}@x", "http://a:{}@[::1", "http://a:{}@h:p"])
def test_a_url_with_a_password_is_refused_without_it(tmp_path, url):
    environment = {"QRMIDDLEWARE_UPSTREAM__URLS": f"['{url.format(MARKER)}']"}

    shown = run(tmp_path, {}, environment, "check")

    assert "environment QRMIDDLEWARE_UPSTREAM__URLS: " in shown
    assert_clean(shown)


async def answers(proxy) -> list[str]:
    """All that the proxy and its admin port can be made to say."""
    shown = [
        await proxy.ask("/p/_search", SEARCH, x_qrm_debug_token="wrong"),  # noqa: S106
        await proxy.ask("/p/_search", SEARCH, x_qrm_pipeline="nothing"),
        await proxy.ask("/p/_search", SEARCH, x_qrm_timeout_ms="x"),
        await proxy.ask("/p/_search", SEARCH, authorization=f"Bearer {MARKER}"),
        await proxy.ask("/p/_msearch", b"{}\n" + json.dumps(SEARCH).encode() + b"\n"),
        await proxy.ask("/p/_search?qrm_debug", {"query": {"match_all": {}}}),
        await proxy.ask("/_bulk", b"x"),
    ]
    texts = [f"{reply.fields}{reply.body.decode()}" for reply in shown]
    for path in ("/_qrm/pipelines", "/_qrm/metrics", "/_qrm/health/ready", "/nothing"):
        parts = []

        async def receive():
            return {"type": "http.request", "body": b""}

        async def send(message, parts=parts):
            parts.append(message)

        scope = {"type": "http", "method": "GET", "path": path}
        await AdminApp(proxy.service)(scope, receive, send)
        texts.append(str(parts))
    return texts


@pytest.mark.parametrize(
    ("upstream", "debug"),
    [
        ({"username": "shop", "password": MARKER}, {}),
        ({"api_key": MARKER}, {}),
        ({}, {"access": "token", "token": MARKER}),
    ],
    ids=["password", "api key", "token"],
)
@pytest.mark.parametrize("status", ["200 OK", "400 Bad Request", "500 Oh"])
async def test_nothing_served_or_logged_has_a_secret_in_it(
    proxied, write_http, reply_with, one_synonym, *, capsys, upstream, debug, status
):
    proxy = await proxied(
        write_http(reply_with("laptop"), status),
        pipelines=one_synonym,
        upstream=upstream,
        debug=debug,
        log={"level": "debug", "access": True},
    )

    texts = await answers(proxy)
    proxy.service.log.info("settings", settings=proxy.service.settings)

    assert_clean(*texts, *capsys.readouterr(), repr(proxy.service), str(proxy.service.settings))
    assert_clean(proxy.service.settings.model_dump_json(include={"debug"}))

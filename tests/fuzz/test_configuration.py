"""Configurations of any kind: read, or refused with a place, and never with what is secret."""

import random
import re
from collections.abc import Callable
from pathlib import Path
from time import process_time

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from qrmiddleware.config.load import load_settings
from qrmiddleware.config.settings import ListenSettings
from qrmiddleware.errors import ConfigError
from qrmiddleware.proxy.server import listening_socket
from qrmiddleware.runner.upstreams import make_upstream

SECRET = "hunter2-Zq9"  # noqa: S105 to be looked for
REAL = """
listen: {host: 127.0.0.1, port: 9250, workers: 4}
admin: {host: 127.0.0.1, port: 9251}
upstream:
  urls: [https://node1:9200, "https://node2:9200"]
  timeout_ms: 10000
  username: shop
pipelines:
  shop:
    index: [products*, shop]
    timeout_ms: 60
    rewriters:
      - {plugin: rules, path: rules.txt}
      - plugin: rewrite_table
        path: rewrites.sqlite
        timeout_ms: 5
    merge: {policy: dis_max, boost: 0.6}
    rank_window_size: 100
    rewards: [{plugin: x, weight: 1.5}]
limits: {drain_ms: 1000, plugin_threads: 4}
debug: {access: forbidden}
log: {format: json, level: info}
"""
ODD = (
    *(
        ".inf",
        "-.inf",
        ".nan",
        "!!int ''",
        "!!bool foo",
        "!!float ''",
        "!!timestamp x",
        "!!binary '%'",
    ),
    *("null", "''", "[]", "{}", "[[]]", "{a: 1}", "0x1f", "1:1:99", "9" * 400, "9" * 5_000, "-1"),
    *(
        "!!python/object:os.system x",
        "!!set {a}",
        "!!omap [a: b]",
        "*nothing",
        "&a [*a]",
        "<<",
        "=",
    ),
    *(
        '"\\0"',
        '"\\ud800"',
        '"\\e[2J"',
        "2020-13-45",
        "2020-06-31",
        "true",
        "http://[::1",
        "a..b",
        "?",
    ),
    *(
        f'"{SECRET}',
        f"http://me:{SECRET}@host:9200",
        f"ftp://me:{SECRET}@x",
        "http://a:b",
        "http://",
    ),
)
KEYS = (
    *(
        "listen",
        "port",
        "host",
        "upstream",
        "urls",
        "password",
        "api_key",
        "pipelines",
        "shop",
        "<<",
    ),
    *(
        "rewriters",
        "plugin",
        "timeout_ms",
        "weight",
        "folder",
        "debug",
        "token",
        "log",
        "1",
        "~",
        "? a",
    ),
    *(
        "embedded",
        "merge",
        "policy",
        "index",
        "rewards",
        "fields",
        "[a]",
        "{a: b}",
        "2020-01-01",
        "''",
    ),
)


def lines_of(seed: int) -> str:
    """A real file with values, keys and lines exchanged."""
    rng = random.Random(seed)  # noqa: S311 can be repeated
    text = REAL
    for _ in range(rng.randint(1, 4)):
        kind = rng.random()
        if kind < 0.6:
            spots = list(re.finditer(r"(?<=: )[^\s{}\[\],][^{}\[\],\n]*", text))
            text = _put(text, rng.choice(spots).span(), rng.choice(ODD))
        elif kind < 0.8:
            text = _put(
                text, rng.choice(list(re.finditer(r"\w+(?=:)", text))).span(), rng.choice(KEYS)
            )
        elif kind < 0.9:
            text += f"{rng.choice(KEYS)}: {rng.choice(ODD)}\n"
        else:
            at = rng.randrange(len(text))
            text = text[:at] + rng.choice("{}[]:,&*!|>'\"%@`\t\n#-? \u0085\ufeff\x00") + text[at:]
    return text


def _put(text: str, span: tuple[int, int], new: str) -> str:
    return text[: span[0]] + new + text[span[1] :]


@pytest.fixture(scope="module")
def file(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("config") / "qrmiddleware.yaml"


def assert_read_or_refused(read: Callable[[], object], places: str) -> object:
    """What is read; ``None`` where it is refused, each problem with its place."""
    try:
        return read()
    except ConfigError as error:
        said = str(error)
    assert SECRET not in said
    assert all(re.match(places, line) for line in said.split("\n")), said
    return None


def from_file(file: Path, data: bytes) -> object:
    file.write_bytes(data)
    places = rf"{file}|environment |\w+\.\w+_file: "
    return assert_read_or_refused(lambda: load_settings(file, environment={}), places)


@given(st.integers(0, 2**48).map(lines_of))
def test_a_file_is_read_or_refused_with_its_place(file, text):
    settings = from_file(file, text.encode("utf-8", "surrogatepass"))

    if settings is not None:
        assert "inf" not in str(settings.model_dump(include={"limits", "upstream", "listen"}))
        upstream = settings.upstream.model_copy(update={"embedded": False})
        assert_read_or_refused(lambda: make_upstream(upstream), "upstream|cannot|.*certificate")


@given(
    st.binary(max_size=300)
    | st.text(max_size=300).map(lambda text: text.encode("utf-8", "replace"))
)
def test_any_bytes_are_read_or_refused(file, data):
    from_file(file, data)


@given(st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.dates(),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(KEYS) | st.integers(), inner, max_size=4),
    max_leaves=20,
))  # fmt: skip
def test_any_tree_is_read_or_refused(file, tree):
    from_file(file, yaml.safe_dump(tree, allow_unicode=True).encode())


@given(
    st.dictionaries(
        st.lists(
            st.sampled_from(
                ["UPSTREAM", "URLS", "PIPELINES", "A", "PASSWORD", "LISTEN", "PORT", "", "_"]
            ),
            min_size=1,
            max_size=4,
        ).map(lambda parts: "QRMIDDLEWARE_" + "__".join(parts)),
        st.sampled_from(ODD) | st.text(st.characters(exclude_characters="\0"), max_size=10),
        max_size=4,
    )
)
def test_any_environment_is_read_or_refused_by_name(environment):
    assert_read_or_refused(
        lambda: load_settings(environment=environment), "environment QRMIDDLEWARE_|configuration: "
    )


@pytest.mark.parametrize(
    "host",
    ["a..b", "." * 70, "a" * 80, "\0", "127.0.0.1 ", "::g", "\ud800", "127.0.0.1\r\nx", "é" * 70],
)
def test_a_host_that_can_be_none_is_refused_by_its_key(host):
    with pytest.raises(ConfigError, match=r"choose another listen\."):
        listening_socket(ListenSettings.model_construct(host=host, port=0))


@pytest.mark.parametrize(
    "text",
    [
        "a: " + "[" * 100_000,
        "- " * 100_000,
        "a: &a0 [x,x]\n" + "".join(
            f"b{i}: &a{i + 1} [{','.join([f'*a{i}'] * 9)}]\n" for i in range(12)
        ),
        "upstream: &x {urls: *x}",
        "pipelines: {" + ",".join(f"p{i}: {{}}" for i in range(5_000)) + "}",
        "a: '" + "x" * 3_000_000 + "'",
    ],
    ids=["deep", "dashes", "aliases of aliases", "an alias of itself", "many pipelines", "long"],
)  # fmt: skip
def test_a_bomb_costs_no_more_than_its_size(file, text):
    began = process_time()

    from_file(file, text.encode())

    assert process_time() - began < 20

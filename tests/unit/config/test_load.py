import contextlib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qrmiddleware import ConfigError
from qrmiddleware.config.load import load_settings
from qrmiddleware.config.settings import Settings


def load(text=None, tmp_path=None, *, environment=None, flags=None) -> Settings:
    path = None
    if text is not None:
        path = tmp_path / "qrmiddleware.yaml"
        path.write_text(text, encoding="utf-8")
    return load_settings(path, environment=environment or {}, flags=flags)


def problem(*args, **kwargs) -> str:
    with pytest.raises(ConfigError) as caught:
        load(*args, **kwargs)
    return str(caught.value)


def test_nothing_set_is_the_defaults():
    assert load() == Settings()


def test_an_empty_file_is_the_defaults_in_its_folder(tmp_path):
    assert load("# nothing\n", tmp_path) == Settings(folder=tmp_path)


def test_flags_win_over_environment_over_file_over_defaults(tmp_path):
    file = "listen: {port: 1, host: file, workers: 2}\nlog: {level: error}\n"
    environment = {"QRMIDDLEWARE_LISTEN__PORT": "2", "QRMIDDLEWARE_LISTEN__HOST": "environment"}

    settings = load(
        file, tmp_path, environment=environment, flags={"listen.port": 3, "log.level": None}
    )

    assert settings.listen.port == 3
    assert settings.listen.host == "environment"
    assert settings.listen.workers == 2
    assert settings.log.level == "error"
    assert settings.log.format == "console"


def test_the_environment_is_read_as_yaml_and_reaches_any_depth():
    settings = load(
        environment={
            "QRMIDDLEWARE_UPSTREAM__URLS": "[http://a:9200, http://b:9200]",
            "QRMIDDLEWARE_PIPELINES__SHOP__MERGE__POLICY": "rrf",
            "QRMIDDLEWARE_PIPELINES__SHOP__REWRITERS": "[{plugin: rules, path: rules.txt}]",
            "QRMIDDLEWARE_CONFIG": "read by the command",
            "OTHER": "x",
        }
    )

    assert settings.upstream.urls == ("http://a:9200", "http://b:9200")
    assert settings.pipelines["shop"].merge.policy == "rrf"
    assert settings.pipelines["shop"].rewriters[0].options == {"path": "rules.txt"}


def test_secrets_in_the_environment_are_taken_letter_by_letter():
    settings = load(
        environment={
            "QRMIDDLEWARE_UPSTREAM__USERNAME": "007",
            "QRMIDDLEWARE_UPSTREAM__PASSWORD": "{not: yaml",
        }
    )

    assert settings.upstream.username == "007"
    assert settings.upstream.password.get_secret_value() == "{not: yaml"


def test_secrets_are_not_shown(tmp_path):
    environment = {"QRMIDDLEWARE_UPSTREAM__PASSWORD": "hunter2"}
    settings = load("upstream: {username: me}", tmp_path, environment=environment)
    both = "upstream: {username: me, password: hunter2, api_key: hunter3}"

    assert "hunter2" not in f"{settings!r}{settings}{settings.model_dump()}"
    for wrong in (both, "upstream: {password: hunter2}", "upstream: {password: [hunter2]}"):
        with pytest.raises(ConfigError) as caught:
            load(wrong, tmp_path)
        assert "hunter" not in f"{caught.value}{caught.value.__cause__}"


def test_an_error_names_file_line_and_key(tmp_path):
    message = problem("listen:\n  host: x\n  port: eighty\n", tmp_path)

    assert message.startswith(f"{tmp_path / 'qrmiddleware.yaml'}:3: listen.port: ")


def test_every_error_is_named_at_once(tmp_path):
    message = problem("listen:\n  port: -1\nlog:\n  level: loud\n", tmp_path)

    assert [line.split(": ")[1] for line in message.splitlines()] == ["listen.port", "log.level"]


def test_an_error_inside_a_list_names_the_items_line(tmp_path):
    rewards = "      - plugin: a\n      - plugin: b\n        weight: heavy\n"
    text = f"pipelines:\n  shop:\n    rewards:\n{rewards}"

    assert ":6: pipelines.shop.rewards.1.weight: " in problem(text, tmp_path)


def test_a_missing_key_is_named_where_it_belongs(tmp_path):
    text = "pipelines:\n  shop:\n    rewriters:\n      - path: rules.txt\n"

    assert ":4: pipelines.shop.rewriters.0.plugin: Field required" in problem(text, tmp_path)


@pytest.mark.parametrize(
    ("text", "key", "known"),
    [
        ("listn: {}", "listn", "admin, debug, folder, limits, listen, log, pipelines, upstream"),
        ("listen: {prot: 1}", "listen.prot", "host, port, tls_cert, tls_key, workers"),
        (
            "pipelines: {shop: {merge: {polcy: rrf}}}",
            "pipelines.shop.merge.polcy",
            "boost, min_hits, per, places, policy, rank_constant, tie_breaker",
        ),
        (
            "pipelines: {merge: {rewriter: []}}",
            "pipelines.merge.rewriter",
            "attribution, engine_weight, fields, filters, index",
        ),
    ],
)
def test_an_unknown_key_is_answered_with_the_known_ones(tmp_path, text, key, known):
    assert f":1: {key}: unknown key; known are: {known}" in problem(text, tmp_path)


def test_errors_of_flags_and_environment_say_where_they_come_from():
    assert problem(flags={"listen.port": "x"}).startswith("flag for listen.port: listen.port: ")
    assert problem(environment={"QRMIDDLEWARE_LISTEN__PORT": "x"}).startswith(
        "environment QRMIDDLEWARE_LISTEN__PORT: listen.port: "
    )
    assert "not YAML" in problem(environment={"QRMIDDLEWARE_LOG__LEVEL": "[a"})


def test_a_value_cannot_stand_where_a_section_does(tmp_path):
    environment = {"QRMIDDLEWARE_LISTEN__PORT__MORE": "1"}

    assert "listen.port is no section" in problem(
        "listen: {port: 1}", tmp_path, environment=environment
    )
    assert "listen is no section" in problem(
        "listen:", tmp_path, environment={"QRMIDDLEWARE_LISTEN__PORT": "1"}
    )


@pytest.mark.parametrize(
    "text",
    [
        "- a\n",
        "just text",
        "a: [",
        "a: b: c",
        "a: 1\n---\nb: 2\n",
        "? [a]\n: b\n",
        "when: 2024-13-45\n",
        "1: 2\n",
        "a: !!python/object:os.system {}\n",
        "a: *nowhere\n",
        "\x00",
    ],
)
def test_a_file_that_is_no_configuration_is_refused_by_name(tmp_path, text):
    assert str(tmp_path / "qrmiddleware.yaml") in problem(text, tmp_path)


def test_a_file_that_is_not_text_or_not_there_is_refused_by_name(tmp_path):
    path = tmp_path / "qrmiddleware.yaml"
    path.write_bytes(b"\xff\xfe\xff")

    for wrong in (path, tmp_path / "none.yaml", tmp_path):
        with pytest.raises(ConfigError, match=str(wrong)):
            load_settings(wrong, environment={})


@given(st.text(st.sampled_from("a:- {}[]\n&*!#'\"<0."), max_size=30))
def test_any_text_is_read_or_refused(tmp_path_factory, text):
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_text(text, encoding="utf-8")
    with contextlib.suppress(ConfigError):
        load_settings(path, environment={})


def test_relative_paths_start_at_the_files_folder(tmp_path):
    settings = load(
        "listen: {tls_cert: a.pem, tls_key: /b.pem}\nupstream: {ca_certs: sub/ca.pem}\n", tmp_path
    )

    assert settings.folder == tmp_path
    assert settings.listen.tls_cert == tmp_path / "a.pem"
    assert str(settings.listen.tls_key) == "/b.pem"
    assert settings.upstream.ca_certs == tmp_path / "sub" / "ca.pem"


def test_an_embedded_engines_folder_is_anchored_and_true_stays_true(tmp_path):
    assert load("upstream: {embedded: data}", tmp_path).upstream.embedded == tmp_path / "data"
    assert load("upstream: {embedded: true}", tmp_path).upstream.embedded is True


@pytest.mark.parametrize(
    "value",
    ["!!int ''", "!!bool foo", "!!float ''", "!!timestamp x", "&a [*a]", "*nothing", "[" * 5_000,
     '"open', '"\\0"', "!unknown x", "\x07", "%"],
)  # fmt: skip
def test_any_broken_value_is_refused_with_its_line(tmp_path, value):
    said = problem(f"log: {{level: info}}\nlisten: {value}\n", tmp_path)

    assert said.startswith(f"{tmp_path / 'qrmiddleware.yaml'}:")
    assert value.startswith("[") or re.match(r".*yaml:[23]: ", said)


def test_aliases_of_aliases_are_refused_before_they_are_followed(tmp_path):
    layers = "".join(f"b{i}: &a{i + 1} [{','.join([f'*a{i}'] * 9)}]\n" for i in range(12))

    assert "does an alias repeat itself?" in problem(f"a: &a0 [x]\n{layers}", tmp_path)


def test_an_alias_that_is_used_twice_is_read(tmp_path):
    text = "pipelines:\n  a: &one {timeout_ms: 7}\n  b: *one\n"

    assert load(text, tmp_path).pipelines["b"].timeout_ms == 7


@pytest.mark.parametrize("value", [".inf", ".nan"])
@pytest.mark.parametrize(
    "text",
    ["limits: {{drain_ms: {}}}", "upstream: {{timeout_ms: {}}}",
     "pipelines: {{a: {{rewards: [{{plugin: x, weight: {}}}]}}}}"],
)  # fmt: skip
def test_a_number_that_is_none_is_refused(tmp_path, text, value):
    assert "finite number" in problem(text.format(value), tmp_path)


def test_secrets_come_from_files_of_their_own(tmp_path):
    (tmp_path / "key").write_text("hunter2\n")

    settings = load(
        "upstream: {api_key_file: key}\ndebug: {access: token, token_file: key}\n", tmp_path
    )

    assert settings.upstream.api_key.get_secret_value() == "hunter2"
    assert settings.debug.token.get_secret_value() == "hunter2"


def test_a_secret_that_a_merged_section_holds_is_refused_too(tmp_path):
    text = "<<: {upstream: {username: me, password: hunter2}}\n"

    assert "a secret has no place in the file" in problem(text, tmp_path)


@pytest.mark.parametrize("content", [None, "", " \n", b"\xff"])
def test_a_file_without_a_secret_is_refused(tmp_path, content):
    if content is not None:
        (tmp_path / "key").write_bytes(content if isinstance(content, bytes) else content.encode())

    said = problem("upstream: {api_key_file: key}", tmp_path)

    assert said.startswith("upstream.api_key_file: ")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("debug: {access: token}", "access: token goes with one of token and token_file"),
        ("debug: {token_file: a}", "access: token goes with one of token and token_file"),
        ("upstream: {username: me}", "username and password go together"),
        ("upstream: {password_file: a}", "username and password go together"),
        ("upstream: {username: me, password_file: a, api_key_file: b}", "not both"),
    ],
)
def test_credentials_that_do_not_fit_each_other_are_refused(tmp_path, text, said):
    assert said in problem(text, tmp_path)

"""Ports and certificates that cannot work are said before anything is served."""

import socket

import pytest
import trustme

from qrmiddleware.config.load import load_settings
from qrmiddleware.config.settings import ListenSettings
from qrmiddleware.errors import ConfigError
from qrmiddleware.proxy.server import listening_socket, make_service, serve


def settings(**flags):
    return load_settings(environment={}, flags={"upstream": {"embedded": True}, **flags})


@pytest.fixture
def taken():
    with listening_socket(ListenSettings(), 0) as listener:
        yield listener.getsockname()[1]


def test_a_taken_port_is_named(taken):
    with pytest.raises(ConfigError, match=f"cannot listen on 127.0.0.1:{taken}: Address already"):
        serve(settings(listen={"port": taken}))


def test_a_taken_admin_port_is_named(taken):
    with pytest.raises(ConfigError, match=f"127.0.0.1:{taken}: .*; choose another admin.port"):
        serve(settings(listen={"port": 0}, admin={"port": taken}))


def test_an_address_that_is_not_ours_is_named():
    with pytest.raises(ConfigError, match=r"cannot listen on 192.0.2.1:0"):
        listening_socket(ListenSettings(host="192.0.2.1"), 0)


def test_a_host_name_can_be_listened_on():
    with listening_socket(ListenSettings(host="localhost"), 0) as listener:
        assert listener.family in (socket.AF_INET, socket.AF_INET6)


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_a_certificate_that_cannot_be_loaded_is_named(tmp_path, content):
    files = {"tls_cert": tmp_path / "cert.pem", "tls_key": tmp_path / "key.pem"}
    for file in files.values():
        if content:
            file.write_text(content)
    listen = {"port": 0, **{key: str(file) for key, file in files.items()}}

    with pytest.raises(ConfigError, match=r"listen.tls_cert: cannot load .*cert.pem"):
        serve(settings(listen=listen))


def test_a_key_of_another_certificate_is_refused(tmp_path):
    authority = trustme.CA()
    one, other = authority.issue_cert("localhost"), authority.issue_cert("localhost")
    one.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    other.private_key_pem.write_to_path(tmp_path / "key.pem")
    listen = {"tls_cert": str(tmp_path / "cert.pem"), "tls_key": str(tmp_path / "key.pem")}

    with pytest.raises(ConfigError, match=r"listen.tls_cert"):
        serve(settings(listen={"port": 0, **listen}))


def test_a_plugin_that_is_not_installed_is_refused_before_anything_is_served():
    flags = settings(pipelines={"default": {"rewriters": [{"plugin": "nothing"}]}})

    with pytest.raises(ConfigError, match="no plugin 'nothing' is installed"):
        make_service(flags)


@pytest.mark.parametrize("host", ["a..b", "a" * 80, "\0"])
def test_a_host_that_can_be_none_is_refused_by_its_key(host):
    with pytest.raises(ConfigError, match=r"choose another listen\.host"):
        listening_socket(ListenSettings(host=host, port=0))

import ssl

import pytest

from qrmiddleware.errors import ConfigError
from qrmiddleware.upstream.tls import TlsOptions, tls_context


def test_by_default_certificates_and_host_names_are_verified():
    context = tls_context(TlsOptions())

    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname


def test_verification_can_be_switched_off():
    context = tls_context(TlsOptions(verify_certs=False))

    assert context.verify_mode is ssl.CERT_NONE
    assert not context.check_hostname


def test_named_authorities_replace_the_systems(authority, tmp_path):
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")

    context = tls_context(TlsOptions(ca_certs=str(tmp_path / "ca.pem")))

    assert len(context.get_ca_certs()) == 1


@pytest.mark.parametrize(
    ("options", "key"),
    [
        (TlsOptions(ca_certs="missing.pem"), "ca_certs"),
        (TlsOptions(client_cert="missing.pem"), "client_cert"),
        (TlsOptions(client_key="key.pem"), "client_key"),
        (TlsOptions(fingerprint="ab:cd"), "fingerprint"),
        (TlsOptions(fingerprint="no hex"), "fingerprint"),
    ],
)
def test_what_cannot_work_is_refused_by_its_key(options, key):
    with pytest.raises(ConfigError, match=rf"upstream\.tls.*{key}"):
        tls_context(options)


def test_a_file_that_is_no_certificate_is_refused(tmp_path):
    (tmp_path / "ca.pem").write_text("not PEM")

    with pytest.raises(ConfigError, match="cannot load"):
        tls_context(TlsOptions(ca_certs=str(tmp_path / "ca.pem")))

import hashlib
import ssl

import pytest

from qrmiddleware.errors import UpstreamError
from qrmiddleware.upstream.tls import TlsOptions


@pytest.fixture
def server_tls(authority):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context


@pytest.fixture
def ca_certs(authority, tmp_path):
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    return str(tmp_path / "ca.pem")


async def test_a_certificate_of_the_named_authority_is_trusted(
    connect, start_engine, engine, server_tls, ca_certs
):
    url = await start_engine(engine, tls=server_tls)
    upstream = await connect(url, tls=TlsOptions(ca_certs=ca_certs))

    reply, _ = await upstream.ask()

    assert reply.status == 200


async def test_an_unknown_certificate_is_refused(connect, start_engine, engine, server_tls):
    upstream = await connect(await start_engine(engine, tls=server_tls))

    with pytest.raises(UpstreamError, match="certificate is not trusted") as caught:
        await upstream.ask()

    assert caught.value.status == 503
    assert engine.heads == []


async def test_a_certificate_for_another_host_is_refused_unless_told_otherwise(
    connect, start_engine, engine, authority, ca_certs
):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("es.example").configure_cert(context)
    url = await start_engine(engine, tls=context)

    with pytest.raises(UpstreamError, match="certificate is not trusted"):
        await (await connect(url, tls=TlsOptions(ca_certs=ca_certs))).ask()
    reply, _ = await (
        await connect(url, tls=TlsOptions(ca_certs=ca_certs, verify_hostname=False))
    ).ask()

    assert reply.status == 200


async def test_a_fingerprint_stands_for_a_certificate(connect, start_engine, engine, authority):
    certificate = authority.issue_cert("127.0.0.1")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    url = await start_engine(engine, tls=context)
    der = ssl.PEM_cert_to_DER_cert(certificate.cert_chain_pems[0].bytes().decode())
    fingerprint = hashlib.sha256(der).hexdigest()

    reply, _ = await (await connect(url, tls=TlsOptions(fingerprint=fingerprint))).ask()
    with pytest.raises(UpstreamError, match="fingerprint is"):
        await (await connect(url, tls=TlsOptions(fingerprint="00" * 32))).ask()

    assert reply.status == 200


@pytest.fixture
def start_with_tls(start_engine, engine, server_tls):
    return lambda: start_engine(engine, tls=server_tls)


@pytest.fixture
def client_cert(authority, server_tls, tmp_path):
    """What the server asks clients for."""
    server_tls.verify_mode = ssl.CERT_REQUIRED
    authority.configure_trust(server_tls)
    mine = authority.issue_cert("proxy.example")
    mine.private_key_and_cert_chain_pem.write_to_path(tmp_path / "me.pem")
    return str(tmp_path / "me.pem")


@pytest.mark.usefixtures("client_cert")
async def test_no_client_certificate_is_no_entry(
    connect, start_engine, engine, server_tls, ca_certs
):
    upstream = await connect(
        await start_engine(engine, tls=server_tls), tls=TlsOptions(ca_certs=ca_certs)
    )

    with pytest.raises(UpstreamError):
        await upstream.ask()


async def test_a_client_certificate_is_shown(start_with_tls, connect, ca_certs, client_cert):
    url = await start_with_tls()
    tls = TlsOptions(ca_certs=ca_certs, client_cert=client_cert)

    reply, _ = await (await connect(url, tls=tls)).ask()

    assert reply.status == 200

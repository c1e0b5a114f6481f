import base64
import hashlib
import ssl

from qrmiddleware_benchmarks.engines.certificates import (
    read_or_make_password,
    salted_sha1,
    write_certificate,
)


def test_the_certificate_is_for_localhost_and_signed_by_the_authority(tmp_path):
    files = write_certificate(tmp_path / "certs")
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(files.chain, files.key)
    client = ssl.create_default_context(cafile=files.authority)

    assert handshake(client, server, "127.0.0.1")
    assert handshake(client, server, "localhost")


def test_an_engine_that_is_started_again_keeps_certificate_and_password(tmp_path):
    authority = write_certificate(tmp_path).authority.read_bytes()
    password = read_or_make_password(tmp_path / "password")

    assert write_certificate(tmp_path).authority.read_bytes() == authority
    assert read_or_make_password(tmp_path / "password") == password


def test_nobody_else_may_read_the_password(tmp_path):
    read_or_make_password(tmp_path / "password")

    assert (tmp_path / "password").stat().st_mode & 0o077 == 0


def test_the_salted_hash_is_sha1_of_password_and_salt():
    scheme, encoded = salted_sha1("secret").split("}")
    decoded = base64.b64decode(encoded)

    assert scheme == "{SSHA"
    assert decoded[:20] == hashlib.sha1(b"secret" + decoded[20:], usedforsecurity=False).digest()


def handshake(client: ssl.SSLContext, server: ssl.SSLContext, name: str) -> bool:
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours = client.wrap_bio(to_client, to_server, server_hostname=name)
    theirs = server.wrap_bio(to_server, to_client, server_side=True)
    waiting = [ours, theirs]
    for _ in range(10):
        for side in tuple(waiting):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
            waiting.remove(side)
    return not waiting

"""Whom to trust on the way to the cluster."""

import hashlib
import ssl
from dataclasses import dataclass
from pathlib import Path

from qrmiddleware.errors import ConfigError


@dataclass(frozen=True, slots=True)
class TlsOptions:
    """Whom to trust, and how to prove who we are.

    Attributes:
        verify_certs: Refuse certificates that ``ca_certs`` does not vouch for.
        verify_hostname: Refuse certificates made out to another host.
        ca_certs: PEM file, or folder of hashed ones; ``None`` for the system's.
        client_cert: PEM file to show to the cluster; holds its key too if ``client_key`` is
            ``None``.
        client_key: PEM file.
        fingerprint: SHA-256 of the node's certificate, in hex with or without colons; checked
            instead of its authority and host.
    """

    verify_certs: bool = True
    verify_hostname: bool = True
    ca_certs: str | None = None
    client_cert: str | None = None
    client_key: str | None = None
    fingerprint: str | None = None


def tls_context(options: TlsOptions) -> ssl.SSLContext:
    """Make the context that every connection uses.

    Raises:
        ConfigError: If a file is missing, or an option is not what its name says.
    """
    if options.fingerprint is not None:
        _check_fingerprint(options.fingerprint)
    context = _trusting(options.ca_certs)
    verify = options.verify_certs and options.fingerprint is None
    context.check_hostname = verify and options.verify_hostname
    context.verify_mode = ssl.CERT_REQUIRED if verify else ssl.CERT_NONE
    if options.client_cert is not None:
        _show(options.client_cert, options.client_key, context)
    elif options.client_key is not None:
        msg = "upstream.tls.client_key needs client_cert: name the certificate it belongs to"
        raise ConfigError(msg)
    return context


def _check_fingerprint(fingerprint: str) -> None:
    try:
        size_bytes = len(bytes.fromhex(fingerprint.replace(":", "")))
    except ValueError:
        size_bytes = 0
    if size_bytes != hashlib.sha256().digest_size:
        msg = f"upstream.tls.fingerprint: {fingerprint!r} is not a SHA-256 in hex"
        raise ConfigError(msg)


def _trusting(ca_certs: str | None) -> ssl.SSLContext:
    if ca_certs is None:
        return ssl.create_default_context()
    folder = Path(ca_certs).is_dir()
    try:
        return ssl.create_default_context(
            cafile=None if folder else ca_certs, capath=ca_certs if folder else None
        )
    except OSError as error:
        msg = f"upstream.tls.ca_certs: cannot load {ca_certs} as PEM certificates ({error})"
        raise ConfigError(msg) from error


def _show(client_cert: str, client_key: str | None, context: ssl.SSLContext) -> None:
    try:
        context.load_cert_chain(client_cert, client_key)
    except OSError as error:
        files = " and ".join(name for name in (client_cert, client_key) if name)
        msg = f"upstream.tls.client_cert: cannot load {files} as certificate and key ({error})"
        raise ConfigError(msg) from error

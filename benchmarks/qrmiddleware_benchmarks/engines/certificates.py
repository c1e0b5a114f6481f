"""A certificate authority of our own, and a certificate for localhost."""

import base64
import hashlib
import secrets
from dataclasses import dataclass
from pathlib import Path

import trustme


@dataclass(frozen=True, slots=True)
class Certificate:
    """PEM files: the authority to trust, the certificate it signed, and its key."""

    authority: Path
    chain: Path
    key: Path


def write_certificate(folder: Path) -> Certificate:
    """Write a fresh authority and certificate for localhost, or find the ones there are."""
    files = Certificate(folder / "ca.pem", folder / "server.pem", folder / "server.key")
    if files.key.exists():
        return files
    folder.mkdir(parents=True, exist_ok=True)
    authority = trustme.CA(organization_name="qrmiddleware engines")
    certificate = authority.issue_cert("localhost", "127.0.0.1", "::1")
    authority.cert_pem.write_to_path(files.authority)
    for index, pem in enumerate(certificate.cert_chain_pems):
        pem.write_to_path(files.chain, append=index > 0)
    certificate.private_key_pem.write_to_path(files.key)
    return files


def read_or_make_password(file: Path) -> str:
    """Return the password in a file, which is written if there is none."""
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch(mode=0o600)
        file.write_text(secrets.token_urlsafe(12), encoding="utf-8")
    return file.read_text(encoding="utf-8")


def salted_sha1(password: str) -> str:
    """Return the ``{SSHA}`` form of a password, which is what nginx can check by itself."""
    salt = secrets.token_bytes(8)
    digest = hashlib.sha1(password.encode() + salt, usedforsecurity=False).digest()
    return "{SSHA}" + base64.b64encode(digest + salt).decode()

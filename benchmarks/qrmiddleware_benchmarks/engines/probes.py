"""Asking a server whether it is there."""

import base64
import http.client
import json
import socket
import ssl
from pathlib import Path
from urllib.parse import urlsplit

_SETTLED = "/_cluster/health?wait_for_status=yellow&wait_for_events=languid&timeout=1s"
_TIMEOUT_S = 5


def cluster_answers(
    url: str, *, ca_certs: Path | None = None, auth: tuple[str, str] | None = None
) -> bool:
    """Whether a search engine is up and has done all that it does when it starts."""
    status, body = get(url + _SETTLED, ca_certs=ca_certs, auth=auth)
    return status == http.HTTPStatus.OK and not json.loads(body)["timed_out"]


def get(
    url: str, *, ca_certs: Path | None = None, auth: tuple[str, str] | None = None
) -> tuple[int, bytes]:
    """Fetch a URL once; returns status and body, raises ``OSError`` if nobody answers."""
    parts = urlsplit(url)
    address = parts.hostname or "", parts.port
    connection = (
        http.client.HTTPConnection(*address, timeout=_TIMEOUT_S)
        if parts.scheme == "http"
        else http.client.HTTPSConnection(
            *address, timeout=_TIMEOUT_S, context=ssl.create_default_context(cafile=ca_certs)
        )
    )
    headers = {}
    if auth:
        headers["authorization"] = "Basic " + base64.b64encode(":".join(auth).encode()).decode()
    try:
        connection.request("GET", parts.path + "?" + parts.query, headers=headers)
        reply = connection.getresponse()
        return reply.status, reply.read()
    except http.client.HTTPException as error:
        raise ConnectionError(str(error)) from error
    finally:
        connection.close()


def redis_answers(port: int) -> bool:
    """Whether a Redis server on this machine answers a PING."""
    with socket.create_connection(("127.0.0.1", port), timeout=_TIMEOUT_S) as connection:
        connection.sendall(b"PING\r\n")
        return connection.recv(16).startswith(b"+PONG")


def port_is_free(port: int) -> bool:
    """Whether nobody listens on a port of this machine."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_port() -> int:
    """Return a port of this machine that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])

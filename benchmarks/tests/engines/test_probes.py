import socket
import threading

import pytest

from qrmiddleware_benchmarks.engines.probes import (
    cluster_answers,
    free_port,
    get,
    port_is_free,
    redis_answers,
)


def serve_once(answer: bytes) -> int:
    """Answer one connection with these bytes; returns the port."""
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with server, server.accept()[0] as connection:
            connection.recv(4096)
            connection.sendall(answer)

    threading.Thread(target=serve, daemon=True).start()
    return server.getsockname()[1]


def http_reply(body: str, status: str = "200 OK") -> bytes:
    return f"HTTP/1.1 {status}\r\ncontent-length: {len(body)}\r\n\r\n{body}".encode()


def test_a_port_with_a_listener_is_not_free():
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert not port_is_free(server.getsockname()[1])
    assert port_is_free(free_port())


@pytest.mark.parametrize(
    ("reply", "up"),
    [
        (http_reply('{"timed_out": false}'), True),
        (http_reply('{"timed_out": true}'), False),
        (http_reply("{}", "408 Request Timeout"), False),
        (http_reply("{}", "503 Service Unavailable"), False),
    ],
)
def test_a_cluster_is_up_once_it_has_settled(reply, up):
    assert cluster_answers(f"http://127.0.0.1:{serve_once(reply)}") is up


def test_nobody_there_is_an_os_error():
    with pytest.raises(OSError, match="refused"):
        get(f"http://127.0.0.1:{free_port()}/")


def test_an_answer_that_is_no_http_is_an_os_error():
    with pytest.raises(OSError, match="SSH"):
        get(f"http://127.0.0.1:{serve_once(b'SSH-2.0-x')}/")


def test_redis_answers_a_ping_with_a_pong():
    assert redis_answers(serve_once(b"+PONG\r\n"))
    assert not redis_answers(serve_once(b"-LOADING\r\n"))

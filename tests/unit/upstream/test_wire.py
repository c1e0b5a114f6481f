import pytest

from qrmiddleware.upstream.wire import ReplyReader, WireError, chunk_frame, request_head

CHUNKED = (
    b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n"
    b"HTTP/1.1 200 OK\r\nX-B: 1\r\nTransfer-Encoding: chunked\r\nx-a: 2\r\n\r\n"
    b"3\r\nabc\r\n2\r\nde\r\n0\r\nx-trailer: 1\r\n\r\n"
)


def read(*pieces, **options):
    reader = ReplyReader(**options)
    for piece in pieces:
        reader.feed(piece)
    return reader


def test_a_head_is_written_as_it_is_given():
    assert request_head("GET", "/a?b=ä", [("x-b", "1"), ("x-a", "é"), ("x-b", "")]) == (
        b"GET /a?b=\xe4 HTTP/1.1\r\nx-b: 1\r\nx-a: \xe9\r\nx-b: \r\n\r\n"
    )


@pytest.mark.parametrize(
    ("target", "fields"),
    [
        ("/a b", []),
        ("/a\r\nx: y", []),
        ("/a\n", []),
        ("/", [("x", "1\r\nhost: evil")]),
        ("/", [("x\ny", "1")]),
        ("/", [("x", "a\rb")]),
    ],
)
def test_what_would_be_read_as_something_else_is_refused(target, fields):
    with pytest.raises(WireError, match="line breaks"):
        request_head("GET", target, fields)


def test_chunks_are_framed_and_an_empty_one_ends_the_body():
    assert chunk_frame(b"x" * 17) + chunk_frame(b"") == b"11\r\n" + b"x" * 17 + b"\r\n0\r\n\r\n"


@pytest.mark.parametrize("cut", range(len(CHUNKED)))
def test_a_reply_reads_the_same_wherever_it_is_cut(cut):
    reader = read(CHUNKED[:cut], CHUNKED[cut:])

    assert reader.status == 200
    assert reader.fields == [("x-b", "1"), ("transfer-encoding", "chunked"), ("x-a", "2")]
    assert reader.take() == b"abcde"
    assert reader.complete
    assert reader.keeps_alive


def test_the_body_can_be_taken_as_it_comes():
    reader = read(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nab")

    assert (reader.buffered_bytes, reader.take(), reader.complete) == (2, b"ab", False)
    reader.feed(b"cd")
    assert (reader.take(), reader.take(), reader.complete) == (b"cd", b"", True)


def test_a_reply_to_head_is_complete_after_its_head():
    reader = read(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n", bodiless=True)

    assert (reader.complete, reader.keeps_alive, reader.take()) == (True, True, b"")


def test_a_body_of_unknown_length_ends_with_the_connection():
    reader = read(b"HTTP/1.1 200 OK\r\n\r\nab")
    unfinished = reader.complete
    reader.end()

    assert (unfinished, reader.complete, reader.keeps_alive, reader.take()) == (
        False,
        True,
        False,
        b"ab",
    )


@pytest.mark.parametrize(
    "reply", [b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nab", CHUNKED[:-10], CHUNKED[:60]]
)
def test_a_body_of_known_length_does_not_end_with_the_connection(reply):
    reader = read(reply)
    reader.end()

    assert not reader.complete


@pytest.mark.parametrize(
    "reply",
    [
        b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.0 200 OK\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\naHTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\naGARBAGE",
    ],
)
def test_a_connection_is_not_used_again_if_told_so_or_out_of_step(reply):
    reader = read(reply)

    assert reader.complete
    assert not reader.keeps_alive


@pytest.mark.parametrize(
    "reply",
    [
        b"220 smtp ready\r\n",
        b"HTTP/1.1 101 Switching\r\nupgrade: h2c\r\nconnection: upgrade\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
    ],
)
def test_what_is_no_reply_is_refused(reply):
    with pytest.raises(WireError):
        read(reply)


def test_an_endless_head_is_refused():
    head = b"HTTP/1.1 200 OK\r\n" + b"x: %s\r\n" % (b"y" * 1_000_000) * 20

    with pytest.raises(WireError, match="a head of more than"):
        read(head)

import pytest

from qrmiddleware.upstream.fields import end_to_end, from_wire, to_wire


def test_hop_by_hop_fields_stay_behind():
    headers = [
        ("connection", "close"),
        ("accept", "application/json"),
        ("keep-alive", "timeout=5"),
        ("transfer-encoding", "chunked"),
        ("te", "trailers"),
        ("upgrade", "h2c"),
    ]

    assert end_to_end(headers) == [("accept", "application/json")]


def test_fields_named_by_connection_stay_behind():
    headers = [("x-hop", "1"), ("connection", "X-Hop, keep-alive"), ("x-end", "2")]

    assert end_to_end(headers) == [("x-end", "2")]


def test_order_and_repeats_are_kept():
    headers = [("b", "1"), ("a", "2"), ("b", "3"), ("host", "x")]

    assert end_to_end(headers, without=["host"]) == [("b", "1"), ("a", "2"), ("b", "3")]


@pytest.mark.parametrize("wire", [b"plain", "Müller €".encode(), b"M\xfcller", bytes(range(256))])
def test_bytes_survive_being_read_and_written(wire):
    assert to_wire(from_wire(wire)) == wire


def test_text_that_never_was_bytes_is_spelt_in_utf8():
    assert to_wire("日本") == "日本".encode()

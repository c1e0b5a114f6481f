import pytest

from qrmiddleware.upstream.fields import as_utf8, end_to_end, from_wire


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


@pytest.mark.parametrize("wire", [b"plain", "Müller €".encode(), "日本".encode()])
def test_utf8_survives_being_read_byte_for_byte(wire):
    assert as_utf8(from_wire(wire)).encode() == wire


def test_text_that_is_not_utf8_keeps_its_characters():
    assert as_utf8(from_wire(b"M\xfcller")) == "Müller"

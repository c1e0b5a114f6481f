"""What the protocol writes itself is HTTP, and an error as engines write them."""

import json
from http import HTTPStatus

import httptools
import pytest

from qrmiddleware.proxy.refusals import write_refusal


class Read:
    """What a client's parser makes of a reply."""

    def __init__(self, raw: bytes) -> None:
        self.fields: dict[str, str] = {}
        self.body = b""
        self.ended = False
        self.kept = False
        self._parser = httptools.HttpResponseParser(self)
        self._parser.feed_data(raw)
        self.status = self._parser.get_status_code()

    def on_header(self, name: bytes, value: bytes) -> None:
        self.fields[name.decode()] = value.decode()

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        self.ended, self.kept = True, self._parser.should_keep_alive()


@pytest.mark.parametrize("closes", [True, False])
def test_a_refusal_is_read_whole_and_says_whether_the_connection_ends(closes):
    raw = write_refusal(HTTPStatus.BAD_REQUEST, "bad", "why: é\r\nX: y", closes=closes)

    read = Read(raw)

    assert (read.status, read.ended, read.kept) == (400, True, not closes)
    assert set(read.fields) == {"content-type", "content-length"} | (
        {"connection"} if closes else set()
    )
    cause = {"type": "bad", "reason": "why: é\r\nX: y"}
    assert json.loads(read.body) == {"error": {"root_cause": [cause], **cause}, "status": 400}


def test_it_says_when_to_ask_again():
    raw = write_refusal(HTTPStatus.TOO_MANY_REQUESTS, "x", "y", closes=False, retry_after_s=3)

    assert Read(raw).fields["retry-after"] == "3"


def test_without_a_body_it_still_says_how_long_one_would_be():
    whole = write_refusal(HTTPStatus.REQUEST_TIMEOUT, "x", "y", closes=False)
    bodiless = write_refusal(HTTPStatus.REQUEST_TIMEOUT, "x", "y", closes=False, bodiless=True)

    head, body = whole.split(b"\r\n\r\n")
    assert bodiless == head + b"\r\n\r\n"
    assert int(Read(whole).fields["content-length"]) == len(body)

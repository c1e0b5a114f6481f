"""Whatever comes from data is text."""

from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qrmiddleware.evaluation.report.markup import Html, join, tag, text


class Reader(HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.texts, self.values = [], [], []

    def handle_starttag(self, name, attrs):
        self.tags.append(name)
        self.values += [value for _, value in attrs]

    def handle_data(self, data):
        self.texts.append(data)


def read(markup):
    reader = Reader()
    reader.feed(markup)
    reader.close()
    return reader


@given(st.text(st.characters(exclude_categories=["Cc", "Cs"])))
def test_any_text_is_read_as_it_was_written(told):
    read_back = read(tag("p", told, title=told))

    assert read_back.tags == ["p"]
    assert "".join(read_back.texts) == told.replace("\ufffe", "\ufffd").replace("\uffff", "\ufffd")
    assert len(read_back.values) == 1


@pytest.mark.parametrize("sign", ["\x00", "\x1b", "\ud800", "\x80", "\uffff"])
def test_signs_that_html_cannot_hold_are_replaced(sign):
    assert text(f"a{sign}b") == "a\ufffdb"


def test_markup_is_not_escaped_again_and_nothing_is_left_out():
    inner = tag("b", "1 < 2")

    assert tag("p", inner, " & ", None, 3) == "<p><b>1 &lt; 2</b> &amp; 3</p>"
    assert join(inner, "<") == Html("<b>1 &lt; 2</b>&lt;")


def test_attributes_are_named_as_html_names_them():
    made = tag("meta", http_equiv="x", class_="a", open=True, hidden=False, title=None, name="n")

    assert made == '<meta http-equiv="x" class="a" open name="n">'

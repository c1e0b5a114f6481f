"""TREC's qrels and topics."""

import pytest

from qrmiddleware.evaluation.collection import JudgedQuery
from qrmiddleware.evaluation.formats import FormatError, load_judged
from qrmiddleware.evaluation.formats.trec import topics

SGML = """<top>

<num> Number: 301
<title> International Organized Crime

<desc> Description:
Identify organizations that
participate.

<narr> Narrative:
A relevant document must name one.

</top>

<top>
<num>302</num>
<title>Poliomyelitis and
Post-Polio</title>
<desc>Is polio under control?</desc>
</top>
"""
QRELS = "301 0 FBIS3-10082 1\n301 0 FBIS3-10169 0\n302 0 FBIS3-10082 -2\n"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "topics.301-302.txt").write_text(SGML)
    (tmp_path / "qrels.trec8.adhoc.txt").write_text(QRELS)
    return tmp_path


def test_reads_topics_and_qrels(folder):
    judged = load_judged(folder)

    assert judged.queries == (
        JudgedQuery("301", "International Organized Crime"),
        JudgedQuery("302", "Poliomyelitis and Post-Polio"),
    )
    assert judged.qrels == {"301": {"FBIS3-10082": 1, "FBIS3-10169": 0}, "302": {"FBIS3-10082": -2}}


def test_what_is_judged_below_nothing_is_worth_nothing(folder):
    assert load_judged(folder).gains == {-2: 0.0, 0: 0.0, 1: 1.0}


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("desc", "Identify organizations that participate."),
        ("title+desc", "International Organized Crime Identify organizations that participate."),
    ],
)
def test_the_description_can_be_the_query(folder, field, text):
    assert load_judged(folder, options={"field": field}).queries[0].text == text


def test_topics_may_be_lines_with_tabs(tmp_path):
    (tmp_path / "queries.tsv").write_text("19335\tanthropology definition\n\n47923\ttaxon\n")
    (tmp_path / "2019.qrels").write_text("19335 Q0 1017759 2\n")

    judged = load_judged(tmp_path, options={"relevant_from": "2", "gain": "exponential"})

    assert judged.queries == (
        JudgedQuery("19335", "anthropology definition"),
        JudgedQuery("47923", "taxon"),
    )
    assert judged.gains == {0: 0.0, 2: 3.0}


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("qrels.trec8.adhoc.txt", "301 0 X 1\n301 0 X\n", r"txt:2: expected 4 values"),
        ("qrels.trec8.adhoc.txt", "301 0 X 1\n301 0 Y yes\n", r"txt:2: .* for 'judgment'"),
        (
            "topics.301-302.txt",
            "<top>\n<title>no number\n</top>",
            r"txt:1: expected a topic with <num",
        ),
        ("topics.301-302.txt", "301 crime\n", r"txt:1: expected an id, a tab and a text"),
    ],
)
def test_a_bad_line_is_named(folder, name, text, problem):
    (folder / name).write_text(text)

    with pytest.raises(FormatError, match=problem):
        load_judged(folder, format_name="trec")


def test_topics_need_not_be_closed(tmp_path):
    file = tmp_path / "topics"
    file.write_text("<top>\n<num> Number: 1\n<title> Topic: a\n<top>\n<num> 2\n<title> b\n")

    assert list(topics(file)) == [JudgedQuery("1", "a"), JudgedQuery("2", "b")]

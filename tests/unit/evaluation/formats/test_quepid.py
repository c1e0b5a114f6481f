"""CSV as Quepid exports it."""

import pytest

from qrmiddleware.evaluation.collection import JudgedQuery
from qrmiddleware.evaluation.formats import FormatError, load_catalogue, load_judged

CASE = 'query,docid,rating\nlaptop,1229111,0\nlaptop,1712804,3\n"tv, 40""",x/1,2.0\nnobody\n'
BOOK = "query,docid,Ann,Bob Ray,\nlaptop,1,3,0,\nlaptop,2,,2,\nlaptop,3,,,\n"


def judged_from(tmp_path, text, **options):
    (tmp_path / "export.csv").write_text(text)
    return load_judged(tmp_path, options=options)


def test_reads_a_case_with_the_texts_as_ids(tmp_path):
    judged = judged_from(tmp_path, CASE)

    assert judged.queries == (
        JudgedQuery("laptop", "laptop"),
        JudgedQuery('tv,+40"', 'tv, 40"'),
        JudgedQuery("nobody", "nobody"),
    )
    assert judged.qrels == {"laptop": {"1229111": 0, "1712804": 3}, 'tv,+40"': {"x/1": 2}}
    assert judged.gains == {0: 0.0, 2: 3.0, 3: 7.0}


def test_documents_of_a_snapshot_that_nobody_rated_are_not_judged(tmp_path):
    judged = judged_from(tmp_path, "query,docid,rating\nlaptop,1,\nlaptop,2,1\n")

    assert judged.qrels == {"laptop": {"2": 1}}


def test_the_blank_that_quepid_puts_before_a_sign_is_no_part_of_the_query(tmp_path):
    judged = judged_from(tmp_path, "query,docid,rating\n -20 freezer,1,1\n")

    assert judged.queries[0].text == "-20 freezer"


def test_several_raters_of_a_book_make_a_mean_rounded_half_up(tmp_path):
    judged = judged_from(tmp_path, BOOK.replace(",\n", "\n"))

    assert judged.qrels == {"laptop": {"1": 2, "2": 2}}


def test_one_rater_can_be_chosen(tmp_path):
    judged = judged_from(tmp_path, BOOK.replace(",\n", "\n"), rating="Ann")

    assert judged.qrels == {"laptop": {"1": 3}}


def test_what_raters_settled_on_counts_before_their_own(tmp_path):
    text = "query,docid,name,agent_1_rating,final_rating\nspeaker,1,Box,2,3\n"

    assert judged_from(tmp_path, text).qrels == {"speaker": {"1": 3}}


def test_ratings_with_decimals_keep_their_worth(tmp_path):
    judged = judged_from(tmp_path, "query,docid,rating\na,1,0.5\na,2,1\n", gain="linear")

    assert judged.qrels == {"a": {"1": 500, "2": 1000}}
    assert judged.gains == {0: 0.0, 500: 0.5, 1000: 1.0}
    assert judged.relevant_from == 1000


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("query,docid,rating\nlaptop,1,good\n", r"export\.csv:2: expected a number for 'rating'"),
        ("query,docid,rating\nlaptop,,3\n", r"export\.csv:2: expected a value for 'docid'"),
        ("query,docid,rating\na,1,3,4\n", r"export\.csv:2: expected 3 values .* found 4"),
        ("query,docid\na,1\n", "a column of ratings beside query and docid, found none"),
        ("query,docid,rating\na,1,3\na,1,2\n", r"export\.csv:3: expected one judgment"),
    ],
)
def test_says_what_is_wrong(tmp_path, text, problem):
    with pytest.raises(FormatError, match=problem):
        judged_from(tmp_path, text)


def test_of_several_files_one_must_be_chosen(tmp_path):
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text("query,docid,rating\nx,1,1\n")

    with pytest.raises(FormatError, match=r"choose judgments= one of a\.csv, b\.csv"):
        load_judged(tmp_path)
    assert load_judged(tmp_path, options={"judgments": "b.csv"}).qrels == {"x": {"1": 1}}


def test_says_that_there_is_no_such_file(tmp_path):
    (tmp_path / "a.csv").write_text("title,price\n")

    with pytest.raises(FormatError, match=r"with the columns query,docid,rating; found a\.csv"):
        load_judged(tmp_path, format_name="quepid")


def test_has_no_catalogue(tmp_path):
    (tmp_path / "export.csv").write_text(CASE)

    with pytest.raises(FormatError, match="quepid has no catalogue; these have: esci, wands, beir"):
        load_catalogue(tmp_path)

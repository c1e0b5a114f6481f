"""Where formats look for their files, and what can be chosen."""

import pytest

from qrmiddleware.evaluation.formats.format import FileMissingError, Format, Option, Source
from qrmiddleware.evaluation.formats.rows import FormatError

FORMAT = Format(
    "toy",
    "Toy",
    "toy.txt",
    lambda _: True,
    {"split": Option("Which.", "test", ("test", "train")), "field": Option("Of what.")},
)


def test_lists_files_and_those_one_folder_down(tmp_path):
    (tmp_path / "qrels" / "deep").mkdir(parents=True)
    (tmp_path / "a.txt").touch()
    (tmp_path / "qrels" / "test.tsv").touch()
    (tmp_path / "qrels" / "deep" / "x").touch()

    source = Source(tmp_path)

    assert source.names == ("a.txt", "qrels/test.tsv")
    assert source.find("*.tsv", "qrels/*.tsv") == tmp_path / "qrels" / "test.tsv"
    assert source.find("*.tsv") is None


def test_a_file_is_its_own_only_file(tmp_path):
    file = tmp_path / "a.txt"
    file.touch()

    source = Source(file)

    assert source.names == ("a.txt",)
    assert source.need("*.txt") == file


def test_says_what_was_expected_and_what_is_there(tmp_path):
    for number in range(15):
        (tmp_path / f"f{number:02}").touch()

    with pytest.raises(FileMissingError, match=r"expected a or b, found f00, .* f11 and 3 more"):
        Source(tmp_path).need("a", "b")


def test_says_that_there_is_no_such_folder(tmp_path):
    with pytest.raises(FormatError, match="none: there is no such file or folder"):
        _ = Source(tmp_path / "none").names


def test_an_empty_folder_has_no_files(tmp_path):
    assert Source(tmp_path).listed() == "no files"


def test_what_is_not_chosen_is_the_default():
    assert FORMAT.choose({"field": "title"}) == {"split": "test", "field": "title"}


@pytest.mark.parametrize(
    ("wishes", "problem"),
    [
        ({"fold": "1"}, "format toy has no option 'fold'; it has field, split"),
        ({"split": "dev"}, "split is test or train, not 'dev'"),
    ],
)
def test_what_cannot_be_chosen_is_refused(wishes, problem):
    with pytest.raises(FormatError, match=problem):
        FORMAT.choose(wishes)

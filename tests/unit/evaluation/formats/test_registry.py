"""How the right format is found."""

import pytest

from qrmiddleware.evaluation.formats import (
    FORMATS,
    FormatError,
    Source,
    find_format,
    load_catalogue,
    load_judged,
)


def test_a_name_decides_before_the_content(tmp_path):
    assert find_format(Source(tmp_path), "trec").name == "trec"


def test_an_unknown_name_is_answered_with_those_there_are(tmp_path):
    with pytest.raises(FormatError, match="no format 'msmarco'; choose esci, wands, beir, ubi"):
        load_judged(tmp_path, format_name="msmarco")


def test_a_folder_in_no_format_is_answered_with_what_is_in_it_and_what_each_needs(tmp_path):
    (tmp_path / "notes.txt").write_text("a b c d\n")

    with pytest.raises(FormatError) as raised:
        load_catalogue(tmp_path)

    problem = str(raised.value)
    assert "In it: notes.txt." in problem
    assert all(f"  {each.name}: {each.needs}" in problem for each in FORMATS.values())


def test_every_format_says_what_its_options_are():
    for each in FORMATS.values():
        assert each.title
        assert each.needs
        for option in each.options.values():
            assert option.meaning
            assert not option.choices or option.default in {*option.choices, ""}

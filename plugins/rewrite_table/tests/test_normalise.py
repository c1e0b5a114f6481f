import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qrmiddleware import ConfigError
from qrmiddleware_rewrite_table.normalise import NORMALISATIONS, normalise, normaliser

any_text = st.text(st.characters(codec=None), max_size=20)


@pytest.mark.parametrize(
    ("spelling", "key"),
    [
        ("  Garden\t\nHOSE ", "garden hose"),
        ("ﬁsh", "fish"),
        ("STRASSE straße", "strasse strasse"),
        ("\uff29\uff30hone\u3000\uff11\uff15", "iphone 15"),
        ("e\u0301cran", "écran"),
        ("ТУФЛИ", "туфли"),
        ("", ""),
        ("half \ud83d a shoe", "half ? a shoe"),
    ],
)
def test_spellings_of_one_query_share_a_key(spelling, key):
    assert normalise(spelling) == key


def test_punctuation_is_part_of_the_key_unless_it_is_ignored():
    assert normalise("men's T-shirt, (red)") == "men's t-shirt, (red)"
    assert normalise("men's T-shirt, (red)", ignore_punctuation=True) == "men s t shirt red"
    assert normalise("c++ €5 👟", ignore_punctuation=True) == "c++ €5 👟"


@pytest.mark.parametrize("name", NORMALISATIONS)
@given(text=any_text)
def test_normalising_twice_changes_nothing(name, text):
    once = NORMALISATIONS[name](text)

    assert NORMALISATIONS[name](once) == once


@pytest.mark.parametrize("name", NORMALISATIONS)
def test_normalising_any_one_character_twice_changes_nothing(name):
    to_key = NORMALISATIONS[name]
    every = [chr(code) for code in range(sys.maxunicode + 1)]
    assigned = [f"a{char}b" for char in every if unicodedata.category(char)[0] != "C"]

    key = to_key(" ".join(assigned))

    assert to_key(key) == key


@given(text=any_text)
def test_a_key_can_be_stored(text):
    assert normalise(text).encode().decode() == normalise(text)


def test_an_unknown_normalisation_names_the_table_and_what_is_known():
    with pytest.raises(ConfigError, match=r"t\.sqlite.*'soundex-3'.*nfkc-casefold-1"):
        normaliser("soundex-3", table="t.sqlite")

import pytest

from qrmiddleware.errors import ConfigError
from qrmiddleware.recipes.feedback.options import guards_of, names


def test_names_are_parted_at_commas():
    assert names(" title^2, ,text") == ("title^2", "text")
    assert names("") == ()


def test_guards_know_the_brands_of_a_file(tmp_path):
    (tmp_path / "brands.txt").write_text("Acme\n\nBold  Co\n")

    guards = guards_of(tmp_path / "brands.txt", "en", ["latin"], new_identifiers=True)

    assert guards.brands == {"acme", "bold co"}
    assert (guards.language, guards.scripts, guards.new_identifiers) == ("en", {"LATIN"}, True)


@pytest.mark.parametrize(
    ("content", "language", "message"),
    [(None, "", "brands.txt"), (b"\xff\xfe", "", "codec"), (b"Acme", "xx", "'xx'")],
)
def test_guards_that_cannot_be_read_are_refused(tmp_path, content, language, message):
    file = tmp_path / "brands.txt"
    if content is not None:
        file.write_bytes(content)

    with pytest.raises(ConfigError, match=message):
        guards_of(file, language, None, new_identifiers=False)

import pytest

from qrmiddleware.cli.model_endpoint import read_body, read_key
from qrmiddleware.errors import ConfigError


def test_without_a_name_there_is_no_key():
    assert read_key("", None) == ""


def test_a_key_is_read_without_the_blanks_around_it(tmp_path, monkeypatch):
    monkeypatch.setenv("KEY", " of-the-environment\n")
    (tmp_path / "key").write_text("of-a-file\n")

    assert read_key("KEY", None) == "of-the-environment"
    assert read_key("", tmp_path / "key") == "of-a-file"


@pytest.mark.parametrize("value", ["", " "])
def test_a_variable_without_a_key_is_an_error(monkeypatch, value):
    monkeypatch.setenv("KEY", value)

    with pytest.raises(ConfigError, match=r"--api-key-env KEY: .* it is empty"):
        read_key("KEY", None)


@pytest.mark.parametrize("text", ["", "one two"])
def test_a_file_of_something_else_is_an_error(tmp_path, text):
    (tmp_path / "key").write_text(text)

    with pytest.raises(ConfigError, match="expected one key and nothing else"):
        read_key("", tmp_path / "key")


def test_a_file_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(ConfigError, match="cannot be read"):
        read_key("", tmp_path / "none")


def test_a_body_is_an_object():
    assert read_body("") == {}
    assert read_body('{"max_tokens": null}') == {"max_tokens": None}


@pytest.mark.parametrize("text", ["{", "[]", "3"])
def test_any_other_body_is_an_error(text):
    with pytest.raises(ConfigError, match="--body is"):
        read_body(text)

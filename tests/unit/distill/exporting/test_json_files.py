"""JSON of a checkpoint."""

import pytest

from qrmiddleware.distill.exporting.json_files import read_json, read_object
from qrmiddleware.errors import ConfigError


def test_objects_are_read(tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')

    assert read_object(tmp_path / "config.json") == {"model_type": "bert"}


@pytest.mark.parametrize(
    ("text", "problem"), [("{", "cannot be read as JSON"), ("[1]", "holds a list")]
)
def test_what_is_no_object_is_refused(tmp_path, text, problem):
    (tmp_path / "config.json").write_text(text)

    with pytest.raises(ConfigError, match=problem):
        read_object(tmp_path / "config.json")


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"modules\.json cannot be read"):
        read_json(tmp_path / "modules.json")

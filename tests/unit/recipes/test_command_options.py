import pytest

from qrmiddleware.distill.catalogue import Fields
from qrmiddleware.errors import ConfigError
from qrmiddleware.recipes import command_options
from qrmiddleware.recipes.command_options import (
    fields_of,
    folds,
    layers_of,
    made_by,
    names,
    need_training,
    numbers,
)


def test_names_and_folds_are_split_at_commas():
    assert names("title, description,") == ("title", "description")
    assert folds("0,3") == (0, 3)
    assert folds("") == ()


def test_a_fold_that_is_no_number_is_told():
    with pytest.raises(ConfigError, match=r"--hold-out: expected whole numbers .*, found 'three'"):
        folds("three")


def test_layers_are_how_many_or_which():
    assert layers_of("2") == 2
    assert layers_of("0,2,4") == (0, 2, 4)


@pytest.mark.parametrize("told", ["4000,2,128", "4000,2,128,two", ""])
def test_a_size_is_four_numbers(told):
    with pytest.raises(ConfigError, match=r"--scratch: expected 4 whole numbers"):
        numbers(told, 4, "--scratch")


def test_fields_are_told_by_their_usual_names():
    found = fields_of("product_type=category, attributes=details")

    assert found == Fields(product_type="category", attributes="details")
    with pytest.raises(ConfigError, match=r"entries such as product_type=category"):
        fields_of("colour=farbe")


def test_what_an_earlier_stage_leaves_is_asked_for_by_its_command(tmp_path):
    (tmp_path / "warm").mkdir()

    assert made_by("qrm x warm-up", tmp_path / "warm", "--base") == tmp_path / "warm"
    with pytest.raises(ConfigError, match=r"teacher is not there: `qrm x teach .*--teacher"):
        made_by("qrm x teach", tmp_path / "teacher", "--teacher")


def test_missing_libraries_are_named_with_the_package_that_brings_them(monkeypatch):
    monkeypatch.setattr(command_options, "find_spec", {"torch": True, "accelerate": True}.get)

    with pytest.raises(ConfigError, match=r"transformers is not .* 'qrmiddleware-x\[train\]'"):
        need_training("qrmiddleware-x")

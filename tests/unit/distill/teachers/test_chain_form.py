import pytest

from qrmiddleware.distill.chains import Chain
from qrmiddleware.distill.classes import ESCI, read_classes
from qrmiddleware.distill.labels import Pair
from qrmiddleware.distill.teachers.chain_form import (
    CHAIN_FILE,
    ChainForm,
    read_form,
    write_form,
)
from qrmiddleware.distill.teachers.prompt import SHORT, load_prompt
from qrmiddleware.errors import ConfigError

CHAIN = "category: match (a bag)\nbrand: unspecified\nmodel: unspecified\nattribute: mismatch"


def test_a_model_is_asked_for_a_chain_about_one_pair():
    system, user = ChainForm(longest_text=20).messages(Pair("laptop bag", "1", "Bag " * 20))

    assert "conclusion: <one of E, S, C, I>" in system["content"]
    assert user["content"].startswith("Query: laptop bag")
    assert "Bag Bag Bag Bag Bag …" in user["content"]


def test_chain_and_conclusion_join_to_what_is_written():
    chain = Chain.read(f"{CHAIN}\nconclusion: S", ESCI)
    form = ChainForm()

    assert form.up_to_conclusion(chain) + form.conclusions[1] == str(chain)
    assert form.conclusions == (" E", " S", " C", " I")


def test_a_folder_tells_how_its_model_was_taught(tmp_path):
    form = ChainForm(
        load_prompt(SHORT, chain=True),
        read_classes(["Y=yes:1:it is", "N=no:0"]),
        longest_text=77,
    )

    write_form(tmp_path, form)

    assert read_form(str(tmp_path)) == form


def test_others_do_not_say(tmp_path):
    assert read_form(str(tmp_path)) is None
    assert read_form("owner/model") is None


@pytest.mark.parametrize("told", ["{", '{"prompt": 3}', '{"classes": {"members": []}}'])
def test_a_damaged_file_is_named(tmp_path, told):
    (tmp_path / CHAIN_FILE).write_text(told)

    with pytest.raises(ConfigError, match=CHAIN_FILE):
        read_form(str(tmp_path))

import pytest
import typer
from typer.testing import CliRunner

from qrmiddleware.distill.teachers.chain_form import read_form
from qrmiddleware.errors import ConfigError
from qrmiddleware.recipes.causal_options import add_sft, beginning_of


@pytest.fixture
def sft():
    app = typer.Typer()
    app.callback()(lambda: None)
    add_sft(app, "some-system")
    return lambda *words: CliRunner().invoke(app, ["sft", *map(str, words)])


def test_help_shows_examples_of_the_system(sft):
    assert "qrm some-system sft ./work" in sft("--help").output


@pytest.mark.students
def test_a_checkpoint_or_a_size_is_where_a_training_begins():
    assert beginning_of("a/model", "", lora_rank=4, lora_targets="q_proj, v_proj").lora.targets == (
        "q_proj",
        "v_proj",
    )
    assert beginning_of("", "300,2,16,4").base.hidden == 16
    assert beginning_of("a/model", "").told == "a/model"
    assert beginning_of("", "300,2,16,4").told == "scratch"


@pytest.mark.students
@pytest.mark.parametrize(
    ("told", "problem"),
    [
        ({"base": "", "scratch": ""}, "give a language model"),
        ({"base": "a", "scratch": "300,2,16,4"}, "not both"),
        ({"base": "", "scratch": "300,2"}, "--scratch: expected 4 whole numbers"),
        ({"base": "a", "scratch": "", "lora_targets": "q"}, "without --lora-rank"),
    ],
)
def test_what_does_not_fit_together_is_told(told, problem):
    with pytest.raises(ConfigError, match=problem):
        beginning_of(**told)


@pytest.mark.students
def test_the_command_begins_with_what_has_read_the_catalogue(sft, work):
    quick = ("--steps", 2, "--prompt", "chain-short-1", "--longest-text", 50)
    first = sft(work, "--scratch", "300,1,16,2", "--to", work / "pretrained", *quick)
    assert first.exit_code == 0, first.exception

    done = sft(work, *quick)

    assert done.exit_code == 0, done.exception
    form = read_form(str(work / "tuned"))
    assert (form.prompt.version, form.longest_text) == ("chain-short-1", 50)


@pytest.mark.students
def test_without_anything_to_begin_with_it_says_what_to_give(sft, work):
    done = sft(work)

    assert isinstance(done.exception, ConfigError)
    assert "--base" in str(done.exception)

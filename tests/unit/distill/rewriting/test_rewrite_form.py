import pytest

from qrmiddleware.distill.causal.models import Size, load_causal, tiny_causal
from qrmiddleware.distill.rewriting.rewrite_form import (
    REWRITE_FILE,
    RewriteForm,
    RewriteReader,
    form_for,
    read_rewrite_form,
    write_rewrite_form,
)
from qrmiddleware.errors import ConfigError

pytestmark = pytest.mark.students
TEMPLATE = (
    "{% for m in messages %}[{{ m['role'] }}]{{ m['content'] }}{% endfor %}"
    "{% if add_generation_prompt %}[answer]{% endif %}"
)


@pytest.fixture
def lm():
    pytest.importorskip("torch")
    return tiny_causal(["red sofa", "red couch"] * 3, Size(300, 1, 16, 2))


def test_a_row_is_the_prompt_the_rewrite_and_its_end(lm):
    row = RewriteReader(lm, RewriteForm()).row("red  couch", "red sofa")

    assert lm.tokenizer.decode(row.ids[: row.prompt]) == "red couch\n"
    assert lm.tokenizer.decode(row.ids[row.prompt : -1]) == "red sofa"
    assert row.ids[-1] == lm.end


def test_a_query_cannot_end_its_prompt_and_is_cut_as_in_serving(lm):
    reader = RewriteReader(lm, RewriteForm(max_query_tokens=3))

    assert lm.tokenizer.decode(reader.prompt("red <|end|> couch")) == "red couch\n"
    assert len(reader.prompt("sofa " * 50)) <= 4
    assert reader.prompt(" \n ") == ()
    assert reader.row("", "sofa") is None
    assert reader.row("sofa", " ") is None


def test_a_chat_template_is_the_frame_of_the_prompt(lm):
    lm.tokenizer.chat_template = TEMPLATE

    form = form_for(lm, "Reword: {query}")

    assert form.prompt == "[user]Reword: {query}[answer]"
    ids = RewriteReader(lm, form).prompt("red couch")
    assert lm.tokenizer.decode(ids) == "[user]Reword: red couch[answer]"
    lm.tokenizer.chat_template = None
    assert form_for(lm) == RewriteForm()


def test_a_checkpoint_remembers_how_it_is_asked(lm, tmp_path):
    form = RewriteForm("{query} ->", 12, 40)
    lm.save(tmp_path)

    assert read_rewrite_form(str(tmp_path)) is None
    write_rewrite_form(tmp_path, form)
    assert read_rewrite_form(str(tmp_path)) == form
    assert form.inputs.prompt == "{query} ->"
    load_causal(str(tmp_path))
    (tmp_path / REWRITE_FILE).write_text("{")
    with pytest.raises(ConfigError, match=REWRITE_FILE):
        read_rewrite_form(str(tmp_path))


def test_a_prompt_without_a_place_for_the_query_is_refused(lm):
    with pytest.raises(ConfigError, match="must hold"):
        RewriteReader(lm, RewriteForm("no place"))

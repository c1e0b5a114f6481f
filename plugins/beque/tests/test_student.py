from contextlib import closing

import pytest

from qrmiddleware.distill.causal.generation import Decoding, respond
from qrmiddleware.distill.causal.models import CausalLm, load_causal
from qrmiddleware.distill.causal.rows import prompt_ids
from qrmiddleware.distill.rewriting.rewrite_form import RewriteReader, read_rewrite_form
from qrmiddleware.errors import ConfigError
from qrmiddleware.students.folder import read_student
from qrmiddleware.students.generator import DecodingOptions, Generator
from qrmiddleware.students.settings import RuntimeSettings
from qrmiddleware_beque.recipes.rewriter import read_rewriter
from qrmiddleware_beque.recipes.sft import SFT
from qrmiddleware_beque.recipes.student import export, inputs_of, write_forms

pytestmark = pytest.mark.students
ONE_THREAD = RuntimeSettings(inter_threads=1, intra_threads=1)
TEMPLATE = (
    "{% for m in messages %}<s>{{ m.role }}: {{ m.content }}</s>{% endfor %}"
    "{% if add_generation_prompt %}bot:{% endif %}"
)


@pytest.fixture(scope="module")
def exported(taught, tmp_path_factory):
    folder = tmp_path_factory.mktemp("exported") / "student"
    export(taught, taught / SFT, folder, licence="Apache-2.0")
    return folder


def test_the_student_writes_what_its_checkpoint_writes(taught, exported, pairs):
    lm, rewriter = load_causal(str(taught / SFT)), read_rewriter(taught / SFT)
    queries = [pair.query for pair in pairs] + [f"{pair.query} offer" for pair in pairs]
    prompts = [prompt_ids(lm, rewriter.messages(query)) for query in queries]
    theirs = [one.text for (one,) in respond(lm, prompts, Decoding(16), budget=4000)]
    greedy = DecodingOptions(n=1, beams=1, max_new_tokens=16, drop_echoes=False)

    with closing(Generator.open(exported, ONE_THREAD)) as student:
        ours = [next((e.text for e in student.generate(q, greedy)), "") for q in queries]

    equal = sum(one == other for one, other in zip(ours, theirs, strict=True))
    assert equal >= 0.95 * len(queries)


def test_the_manifest_tells_where_it_comes_from(exported):
    manifest = read_student(exported, expect="generator").manifest

    assert manifest.inputs.prompt == "rewrite: {query}\n\n"
    assert manifest.stored == "int8"
    assert manifest.parity.equal_outputs >= 0.95
    provenance = manifest.provenance
    assert (provenance.recipe, provenance.base, provenance.teacher) == (
        "beque",
        "scratch",
        "people",
    )
    assert (provenance.seen_folds, provenance.licence) == ((0,), "Apache-2.0")
    assert "instructions.jsonl" in provenance.data
    assert provenance.settings["stages"][0]["command"] == "qrm beque sft"


def test_a_chat_template_is_served_as_it_was_taught(taught):
    lm, rewriter = load_causal(str(taught / SFT)), read_rewriter(taught / SFT)
    lm.tokenizer.chat_template = TEMPLATE

    inputs = inputs_of(lm, rewriter, ["red telly", "größe 42", " two  blanks "])

    assert inputs.prompt == "<s>user: rewrite: {query}</s>bot:"


def test_a_checkpoint_tells_other_recipes_how_it_is_asked(taught, pairs):
    """So that `qrm rl-qr distill --teacher` can learn from it."""
    lm, rewriter = load_causal(str(taught / SFT)), read_rewriter(taught / SFT)

    reader = RewriteReader(lm, read_rewrite_form(str(taught / SFT)))

    for query in (pairs[0].query, "größe 42"):
        assert reader.prompt(query) == prompt_ids(lm, rewriter.messages(query))


def test_a_checkpoint_that_serving_reads_otherwise_tells_others_nothing(taught, tmp_path):
    lm, rewriter = load_causal(str(taught / SFT)), read_rewriter(taught / SFT)
    lm.tokenizer.chat_template = "{{ messages[0].content | replace('sofa', 'couch') }}bot:"

    write_forms(tmp_path, lm, rewriter)

    assert read_rewriter(tmp_path) == rewriter
    assert read_rewrite_form(str(tmp_path)) is None


def test_a_prompt_that_would_be_read_otherwise_is_refused(taught):
    """A template that changes a query cannot be written down as a prompt with a place for it."""
    lm, rewriter = load_causal(str(taught / SFT)), read_rewriter(taught / SFT)
    lm.tokenizer.chat_template = "{{ messages[0].content | replace('telly', 'television') }}bot:"

    with pytest.raises(ConfigError, match="is not what the checkpoint was taught"):
        inputs_of(CausalLm(lm.model, lm.tokenizer, base="x"), rewriter, ["red telly"])


def test_a_checkpoint_that_was_not_taught_is_refused(taught, tmp_path):
    with pytest.raises(ConfigError, match="was not taught to rewrite"):
        export(taught, tmp_path, tmp_path / "student")

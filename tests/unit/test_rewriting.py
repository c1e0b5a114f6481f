import math
import subprocess
import sys
from concurrent.futures import CancelledError

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from qrmiddleware import ConfigError, Query
from qrmiddleware.hooks.patience import Patience
from qrmiddleware.rewriting import GeneratorOptions, GeneratorRewriter, objection
from qrmiddleware.students.settings import RuntimeSettings
from qrmiddleware.testing import check_plugin
from qrmiddleware.testing.generators import make_generator

QUICK = RuntimeSettings(device="cpu", compute_type="float32", inter_threads=1, intra_threads=1)
QUERY = Query("red shoe")
OPTIONS = GeneratorOptions(model="unused")


@pytest.fixture(scope="module")
def student(tmp_path_factory):
    folder = tmp_path_factory.mktemp("students") / "writer"
    return make_generator(folder, name="writer", terms=("sneaker", "boot"))


@pytest.fixture
def make(student):
    made = []

    def make(**options):
        options = {"model": student, "runtime": QUICK, **options}
        made.append(GeneratorRewriter(GeneratorOptions(**options)))
        return made[-1]

    yield make
    for rewriter in made:
        rewriter.qrm_shutdown()


def test_keeps_the_plugin_contract(make):
    check_plugin(make())


@pytest.mark.parametrize("method", ["alternatives", "sampling"])
def test_keeps_the_contract_by_other_methods(make, method):
    check_plugin(make(method=method, n=2))


def test_says_who_wrote_a_rewrite_and_how_likely_it_is(make):
    rewriter = make()
    rewriter.qrm_startup()

    rewrites = rewriter.qrm_rewrite(QUERY)

    assert rewrites
    for rewrite in rewrites:
        name, _, said = rewrite.note.partition(", log-probability ")
        assert name == "writer"
        assert rewrite.weight == pytest.approx(0.2 + 0.8 * math.exp(float(said)), abs=0.01)


@pytest.mark.parametrize(
    ("weigh", "expected"), [("alike", [0.9, 0.9, 0.9]), ("rank", [0.9, 0.45, 0.4])]
)
def test_weights_follow_what_is_set(make, weigh, expected):
    rewriter = make(weigh=weigh, least_weight=0.4, most_weight=0.9, max_characters=200)
    rewriter.qrm_startup()

    weights = [rewrite.weight for rewrite in rewriter.qrm_rewrite(QUERY)]

    assert len(weights) >= 2
    assert weights == pytest.approx(expected[: len(weights)])


def test_what_is_not_likely_enough_is_left_out_and_counted(make):
    rewriter = make(min_log_probability=-1e-9)
    rewriter.qrm_startup()

    assert rewriter.qrm_rewrite(QUERY) is None

    status = rewriter.qrm_status()["model"]
    assert status["written"] > 0
    assert status["left_out"] == {"not likely enough": status["written"]}


def test_rewrites_are_confined_to_the_terms_of_the_option(make, tmp_path):
    folder = make_generator(tmp_path / "other", terms=("sneaker",))
    terms = tmp_path / "terms.txt"
    terms.write_text("a\nb\n", encoding="utf-8")
    rewriter = make(model=folder, terms=terms)
    rewriter.qrm_startup()

    words = {word for rewrite in rewriter.qrm_rewrite(QUERY) for word in rewrite.text.split()}

    assert words <= {"a", "b"}  # the option's terms go before the folder's


def test_an_answer_that_nobody_waits_for_is_cancelled(make):
    rewriter = make()
    rewriter.qrm_startup()
    patience = Patience()
    patience.lose()

    with pytest.raises(CancelledError):
        patience.call(lambda: rewriter.qrm_rewrite(QUERY))


def test_equal_rewriters_share_one_model(make):
    first, second = make(), make(n=1)
    first.qrm_startup()
    second.qrm_startup()

    assert first._rewriting.generator is second._rewriting.generator
    first.qrm_shutdown()
    assert second.qrm_rewrite(QUERY)


def test_a_generator_whose_numbers_are_none_keeps_the_middleware_from_starting(make, tmp_path):
    rewriter = make(model=make_generator(tmp_path / "broken", terms=("a",), broken=True))

    with pytest.raises(ConfigError, match="cannot compute"):
        rewriter.qrm_startup()
    assert rewriter.qrm_status() is None


@pytest.mark.parametrize(
    ("wrong", "said"),
    [({"n": 5}, "beams"), ({"least_weight": 0.5, "most_weight": 0.4}, "above most_weight")],
)
def test_options_that_do_not_fit_each_other_are_refused(wrong, said):
    with pytest.raises(ValidationError, match=said):
        GeneratorOptions(model="m", **wrong)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("red sneaker", ""),
        ("m&ms 500 g", ""),
        ("5 > 3 mm cable", ""),
        ("赤い靴", ""),
        ("حذاء أحمر", ""),
        ("👩‍👧 mug", ""),
        ("a" * 129, "too long"),
        ("word " * 17, "too long"),
        ("red\x00shoe", "unreadable characters"),
        ("red\u202eshoe", "unreadable characters"),
        ("red \ufffd", "unreadable characters"),
        ("<b>shoe</b>", "markup"),
        ('{"query": "shoe"}', "markup"),
        ("see https://example.com", "markup"),
        ("red &amp; blue", "markup"),
        ("?!", "no word"),
    ],
)
def test_what_no_engine_should_be_asked(text, reason):
    assert objection(text, OPTIONS) == reason


@given(st.text())
def test_what_is_let_through_is_bounded(text):
    if not objection(text, OPTIONS):
        assert 0 < len(text) <= OPTIONS.max_characters
        assert text.isprintable() or not any(c in text for c in "\x00\n\r\u2028\ufffd")


def test_to_read_options_no_library_for_students_is_loaded():
    code = "import sys, qrmiddleware.rewriting; print(*sys.modules)"

    loaded = subprocess.check_output([sys.executable, "-c", code], text=True).split()

    assert not {"torch", "transformers", "ctranslate2", "numpy", "tokenizers"} & set(loaded)

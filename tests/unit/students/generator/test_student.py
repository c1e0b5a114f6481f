import sys
import threading
from concurrent.futures import CancelledError, ThreadPoolExecutor
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qrmiddleware.errors import ConfigError, OverloadError
from qrmiddleware.students.generator import DecodingOptions, Generator
from qrmiddleware.students.generator.texts import normalised
from qrmiddleware.students.settings import RuntimeSettings

EXACT = RuntimeSettings(device="cpu", compute_type="float32", inter_threads=2)
UNCACHED = EXACT.model_copy(update={"cache_bytes": 0})
WAYS = (
    DecodingOptions(n=8, beams=8),
    DecodingOptions(method="alternatives"),
    DecodingOptions(method="sampling", n=8),
    DecodingOptions(method="sampling", n=8, seed=None),
    DecodingOptions(n=8, beams=8, no_repeat_ngram=1),
)
TERMS = ("ab", "abc", "a", "cd", "dd")


@pytest.fixture(scope="module")
def generator(student):
    opened = Generator.open(student, EXACT)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def confined(student):
    opened = Generator.open(student, EXACT, terms=TERMS)
    yield opened
    opened.close()


@pytest.mark.parametrize("options", WAYS, ids=lambda options: f"{options.method}-{options.seed}")
def test_rewrites_are_few_distinct_complete_and_best_first(generator, options):
    rewrites = generator.generate("ab cd", options)

    texts = [normalised(each.text) for each in rewrites]
    assert len(rewrites) <= options.n
    assert len(set(texts)) == len(texts)
    assert "ab cd" not in texts
    assert not {"", "</s>", "<unk>"} & set(texts)
    scores = [each.log_probability for each in rewrites]
    assert scores == sorted(scores, reverse=True)
    assert all(score < 0 for score in scores)


def test_every_way_but_chance_finds_something(generator):
    assert all(generator.generate("ab cd", options) for options in WAYS if options.seed == 0)


def test_one_text_has_one_log_probability_however_it_was_found(generator, confined):
    found = {}

    for opened in (generator, confined):
        for options in WAYS:
            for each in opened.generate("ab cd", options):
                found.setdefault(each.tokens, []).append(each.log_probability)

    often = [scores for scores in found.values() if len(scores) > 1]
    assert often
    for scores in often:
        assert scores == pytest.approx([scores[0]] * len(scores), abs=1e-3)


@pytest.mark.parametrize("options", WAYS[:3], ids=lambda options: options.method)
def test_with_terms_every_word_is_one_of_them(confined, options):
    rewrites = confined.generate("cd dd", options)

    assert rewrites
    assert {word for each in rewrites for word in each.text.split()} <= set(TERMS)


def test_terms_come_from_the_folder_unless_others_are_given(make_student):
    folder = make_student(terms=("ab", "dd"))

    own = Generator.open(folder, EXACT).generate("cd")
    given_ones = Generator.open(folder, EXACT, terms=["abc"]).generate("cd")

    assert {word for each in own for word in each.text.split()} <= {"ab", "dd"}
    assert {word for each in given_ones for word in each.text.split()} == {"abc"}


def test_echoes_are_dropped_unless_they_are_wanted(student):
    opened = Generator.open(student, EXACT, terms=["cd"])
    short = {"max_new_tokens": 1}

    assert opened.generate(" cd", DecodingOptions(**short)) == ()
    kept = opened.generate(" cd", DecodingOptions(**short, drop_echoes=False))
    assert [each.text for each in kept] == ["cd"]


@pytest.mark.parametrize("query", ["", "  \n", "</s>", "🙂🙃", "東京"], ids=ascii)
def test_a_query_that_the_student_cannot_read_gets_no_rewrites(confined, query):
    assert confined.generate(query) == ()


@settings(max_examples=15)
@given(query=st.text())
def test_no_query_is_an_error(confined, query):
    for each in confined.generate(query, DecodingOptions(max_new_tokens=4)):
        assert each.text


def test_a_long_query_is_read_as_far_as_the_student_can(generator):
    limit = generator.manifest.inputs.max_query_tokens

    assert generator.generate("ab " * 3_500) == generator.generate("ab " * limit)


def test_a_tokenizer_that_ends_every_text_does_not_end_a_prompt(make_student):
    usual, ending = make_student(), make_student(ends=True)

    assert Generator.open(ending, EXACT).generate("cd") == Generator.open(usual, EXACT).generate(
        "cd"
    )


def test_many_threads_get_what_one_gets(student):
    opened = Generator.open(student, UNCACHED)
    queries = ["ab", "cd", "ab cd", "dd a", "abc"] * 4
    alone = [opened.generate(query) for query in queries]

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(opened.generate, queries)) == alone


def test_equal_questions_are_answered_from_the_cache(make_student):
    opened = Generator.open(make_student(), EXACT)

    first = opened.generate("ab cd")

    assert opened.generate(" ab  cd") == first
    assert opened.cache_counts.hits == 1
    opened.generate("ab cd", DecodingOptions(n=2))
    opened.generate("ab cd", DecodingOptions(method="sampling", seed=None))
    assert opened.cache_counts.hits == 1
    assert opened.cache_counts.entries == 2


def test_a_seed_repeats_what_was_drawn(student):
    opened = Generator.open(student, UNCACHED)
    drawn = DecodingOptions(method="sampling", n=8, seed=5)

    assert opened.generate("ab cd", drawn) == opened.generate("ab cd", drawn)


@pytest.mark.parametrize("options", WAYS, ids=lambda options: f"{options.method}-{options.seed}")
def test_a_query_that_nobody_wants_is_not_computed(generator, options):
    with pytest.raises(CancelledError):
        generator.generate("dd cd ab", options, wanted=lambda: False)


@pytest.mark.parametrize(
    "options", WAYS[1:4], ids=lambda options: f"{options.method}-{options.seed}"
)
def test_a_query_that_is_given_up_ends_between_two_tokens(student, options):
    opened, answers = Generator.open(student, UNCACHED), iter([True, True])

    with pytest.raises(CancelledError):
        opened.generate("ab cd", options, wanted=lambda: next(answers, False))

    assert opened.generate("ab cd", WAYS[0])


def test_more_work_than_may_wait_is_refused(student):
    narrow = {"inter_threads": 1, "max_waiting": 4, "cache_bytes": 0}
    opened = Generator.open(student, EXACT.model_copy(update=narrow), terms=TERMS)
    computing, waiting, done = threading.Event(), threading.Event(), threading.Event()

    def hold():
        computing.set()
        return done.wait(10)

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(opened.generate, "ab", wanted=hold)
        assert computing.wait(10)
        second = pool.submit(opened.generate, "cd", wanted=lambda: waiting.set() or True)
        assert waiting.wait(10)
        with pytest.raises(OverloadError, match="4 rows wait for the generator"):
            opened.generate("dd")
        done.set()

        assert first.result(10)
        assert second.result(10)


@pytest.mark.parametrize("encoder_decoder", [False, True])
@pytest.mark.parametrize("options", WAYS[:3], ids=lambda options: options.method)
def test_log_probabilities_that_are_no_numbers_are_an_error(make_student, encoder_decoder, options):
    broken = make_student(encoder_decoder=encoder_decoder, scale=float("nan"))

    with pytest.raises(ValueError, match="are no numbers"):
        Generator.open(broken, EXACT).generate("ab", options)


def test_int8_writes_nearly_what_float32_writes(make_student):
    eight = make_student(hidden=32, quantization="int8")
    opened = Generator.open(eight, EXACT.model_copy(update={"compute_type": "int8"}))
    exact = Generator.open(make_student(hidden=32), EXACT).generate("ab cd", WAYS[0])

    near = {each.tokens: each.log_probability for each in opened.generate("ab cd", WAYS[0])}

    shared = [each for each in exact if each.tokens in near]
    assert len(shared) >= len(exact) // 2 >= 1
    for each in shared:
        assert near[each.tokens] == pytest.approx(each.log_probability, abs=0.1)


def test_a_closed_student_says_so(make_student):
    opened = Generator.open(make_student(), EXACT)
    opened.close()

    with pytest.raises(RuntimeError, match="'tiny' is closed"):
        opened.generate("ab")


def test_a_student_without_end_token_is_refused(make_student):
    with pytest.raises(ConfigError, match="end token '<none>'"):
        Generator.open(make_student(end="<none>"), EXACT)


def test_terms_that_cannot_be_written_are_refused(make_student):
    with pytest.raises(ConfigError, match="can write none of 1 terms"):
        Generator.open(make_student(), EXACT, terms=["東京"])


class Gpu:
    """Computes on the CPU, until it is said to be gone; a model loads where nothing computes."""

    real = None
    works = True
    loads = False

    def __init__(self, folder, *, device, **options):
        self._device = device
        if device == "cuda" and not (Gpu.works or Gpu.loads):
            message = "Library libcublas.so.12 is not found or cannot be loaded"
            raise RuntimeError(message)
        options |= {"device_index": 0, "compute_type": "float32"}
        self._model = Gpu.real(folder, device="cpu", **options)

    def generate_batch(self, *arguments, **options):
        if self._device == "cuda" and not Gpu.works:
            message = "CUDA failed with error unknown error"
            raise RuntimeError(message)
        return self._model.generate_batch(*arguments, **options)


@pytest.fixture
def gpu(monkeypatch, make_student):
    """CTranslate2 as it is where there is a GPU."""
    import ctranslate2

    make_student()  # while it is as it is
    monkeypatch.setattr(Gpu, "real", ctranslate2.Generator)
    types = {"cuda": {"float16", "float32"}, "cpu": {"float32", "int8"}}
    monkeypatch.setattr(Gpu, "works", True)
    monkeypatch.setattr(Gpu, "loads", False)
    there = SimpleNamespace(
        get_cuda_device_count=lambda: 1,
        get_supported_compute_types=lambda device, index=0: types[device],
        Generator=Gpu,
        DataType=ctranslate2.DataType,
    )
    monkeypatch.setitem(sys.modules, "ctranslate2", there)
    return Gpu


@pytest.mark.parametrize("loads", [True, False])
def test_without_a_gpu_that_works_the_cpu_is_taken_with_a_warning(make_student, gpu, loads):
    gpu.works, gpu.loads = False, loads

    with pytest.warns(RuntimeWarning, match=r"runs on the CPU: .*(libcublas|CUDA)"):
        opened = Generator.open(make_student(), RuntimeSettings(device="cuda"))

    assert opened.place.device == "cpu"
    assert opened.generate("ab")


def test_a_gpu_that_disappears_costs_one_call(make_student, gpu):
    opened = Generator.open(make_student(), RuntimeSettings(device="cuda"))
    assert opened.place.device == "cuda"
    before = opened.generate("ab")
    gpu.works = False

    with (
        pytest.warns(RuntimeWarning, match="runs on the CPU: CUDA failed"),
        pytest.raises(RuntimeError, match="CUDA failed"),
    ):
        opened.generate("cd")

    assert opened.place.device == "cpu"
    assert opened.generate("cd")
    assert opened.generate("ab") == before

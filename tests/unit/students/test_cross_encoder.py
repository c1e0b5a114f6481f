import threading
from concurrent.futures import CancelledError, ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file
from tokenizers import Tokenizer

from qrmiddleware.errors import ConfigError
from qrmiddleware.students.cross_encoder import CrossEncoder
from qrmiddleware.students.manifest import Calibration, Inputs
from qrmiddleware.students.opened import Counters
from qrmiddleware.students.score_cache import ScoreCache
from qrmiddleware.students.settings import RuntimeSettings

PLAIN = RuntimeSettings(device="cpu", compute_type="float32", inter_threads=1, intra_threads=1)
UNCACHED = PLAIN.model_copy(update={"cache_bytes": 0})
CLASSES = {"labels": ("exact", "substitute", "irrelevant"), "gains": (1.0, 0.4, 0.0)}
WORDS = st.sampled_from(["red", "running", "shoe", "tn-2110", "toner", "çilek", "靴", "🙂", ""])
TEXTS = st.lists(st.lists(WORDS, max_size=8).map(" ".join), max_size=8)


@pytest.fixture(scope="module")
def folder(make_student):
    return make_student(**CLASSES)


@pytest.fixture(scope="module")
def student(folder):
    opened = CrossEncoder.open(folder, PLAIN)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def uncached(folder):
    opened = CrossEncoder.open(folder, UNCACHED)
    yield opened
    opened.close()


def by_hand(folder, query, text):
    """Logits, computed with the libraries alone."""
    head = load_file(folder / "head.safetensors")
    return pooled_text(folder, query, text) @ head["out.weight"].T + head["out.bias"]


def pooled_text(folder, query, text):
    return np.array(encoded(folder, query, text).pooler_output)[0]


def encoded(folder, query, text):
    row = Tokenizer.from_file(str(folder / "tokenizer.json")).encode(query, text)
    return forward(folder, row.ids, row.type_ids)


def forward(folder, ids, types):
    import ctranslate2

    encoder = ctranslate2.Encoder(str(folder / "model"), compute_type="float32", intra_threads=1)
    return encoder.forward_batch([ids], token_type_ids=[types])


def test_class_probabilities_and_scores_are_those_computed_by_hand(folder, student):
    texts = ["red running shoe", "hp toner tn-2110", ""]
    logits = np.stack([by_hand(folder, "running shoe", text) for text in texts])
    powers = np.exp(logits)
    shares = powers / powers.sum(axis=1, keepdims=True)

    np.testing.assert_allclose(student.logits("running shoe", texts), logits, atol=1e-5)
    np.testing.assert_allclose(student.probabilities("running shoe", texts), shares, atol=1e-5)
    np.testing.assert_allclose(
        student.scores("running shoe", texts), shares @ [1, 0.4, 0], atol=1e-5
    )


@pytest.mark.parametrize(
    ("activation", "activate"), [("tanh", np.tanh), ("relu", lambda values: np.maximum(values, 0))]
)
def test_a_dense_layer_over_the_first_token_is_that_of_roberta_and_distilbert(
    make_student, activation, activate
):
    drawn = np.random.default_rng(5)
    head = {
        "dense.weight": drawn.normal(0, 1, (8, 8)).astype(np.float32),
        "dense.bias": drawn.normal(0, 1, 8).astype(np.float32),
        "out.weight": drawn.normal(0, 1, (1, 8)).astype(np.float32),
        "out.bias": drawn.normal(0, 1, 1).astype(np.float32),
    }
    folder = make_student(pooling="first", head=head, metadata={"activation": activation})
    first = encoded(folder, "red shoe", "toner").last_hidden_state
    inner = activate(np.array(first)[0, 0] @ head["dense.weight"].T + head["dense.bias"])
    student = CrossEncoder.open(folder, PLAIN)

    found = student.logits("red shoe", ["toner"])

    np.testing.assert_allclose(found[0], inner @ head["out.weight"].T + head["out.bias"], atol=1e-5)
    student.close()


@pytest.mark.parametrize("calibration", [None, Calibration(slope=3, intercept=-1)])
def test_a_single_logit_becomes_a_calibrated_share(make_student, calibration):
    folder = make_student(calibration=calibration)
    slope, intercept = (3, -1) if calibration else (1, 0)
    logit = by_hand(folder, "red shoe", "toner")

    student = CrossEncoder.open(folder, PLAIN)

    expected = 1 / (1 + np.exp(-(slope * logit + intercept)))
    np.testing.assert_allclose(student.scores("red shoe", ["toner"]), expected, atol=1e-5)
    np.testing.assert_allclose(student.probabilities("red shoe", ["toner"]), [expected], atol=1e-5)
    student.close()


def test_scores_are_of_float32_and_between_0_and_1(student):
    scores = student.scores("red", ["shoe", "toner", "red red red"])

    assert scores.dtype == np.float32
    assert ((scores >= 0) & (scores <= 1)).all()


def test_no_texts_have_no_scores(student):
    assert student.scores("red", []).shape == (0,)
    assert student.probabilities("red", []).shape == (0, 3)


@settings(max_examples=15, deadline=None)
@given(query=WORDS, texts=TEXTS, order=st.randoms(use_true_random=False))
def test_a_text_scores_the_same_in_any_company_and_order(uncached, query, texts, order):
    numbers = list(range(len(texts)))
    order.shuffle(numbers)
    alone = [uncached.scores(query, [text])[0] for text in texts]

    together = uncached.scores(query, texts)
    shuffled = uncached.scores(query, [texts[number] for number in numbers])

    np.testing.assert_allclose(together, alone, atol=1e-5)
    np.testing.assert_allclose(shuffled, together[numbers], atol=1e-5)


@settings(max_examples=15, deadline=None)
@given(query=WORDS, calls=st.lists(TEXTS, max_size=4))
def test_caching_never_changes_an_answer(student, uncached, query, calls):
    for texts in calls:
        np.testing.assert_allclose(
            student.logits(query, texts), uncached.logits(query, texts), atol=1e-5
        )


def test_int8_scores_depend_on_the_company_by_a_rounding_at_most(folder):
    settings = UNCACHED.model_copy(update={"compute_type": "int8"})
    student = CrossEncoder.open(folder, settings)
    texts = ["red shoe", "hp toner tn-2110 black original", "", "çilek", "red"]

    together = student.scores("red", texts)

    alone = [student.scores("red", [text])[0] for text in texts]
    np.testing.assert_allclose(together, alone, atol=0.01)
    student.close()


def test_counts_what_it_was_asked(folder):
    student = CrossEncoder.open(folder, PLAIN)

    student.scores("red", ["shoe", "shoe", "toner " * 100])
    student.scores("red", ["shoe", "cable"])
    student.scores("blue", ["shoe"])

    assert student.counters == Counters(asked=6, cached=1, scored=4, cut=1)
    assert (student.status().cache.hits, student.status().cache.misses) == (1, 4)
    student.close()


def test_students_share_a_cache_without_confusing_each_other(make_student, folder):
    cache = ScoreCache(100_000)
    other = make_student(gains=(0.0, 0.5, 1.0), labels=CLASSES["labels"])
    one, two = (CrossEncoder.open(each, PLAIN, cache=cache) for each in (folder, other))

    one.scores("red", ["shoe"])
    two.scores("red", ["shoe"])

    assert one.counters.cached == two.counters.cached == 0
    one.close()
    two.close()


@pytest.mark.parametrize(
    "text", ["", " ", "x" * 100_000, "word " * 20_000, "🙂" * 300, "赤い靴", "\ud800", "a\0b"]
)
def test_awkward_texts_and_queries_are_scored(student, text):
    assert np.isfinite(student.scores(text, [text, "shoe"])).all()


def test_many_threads_get_the_right_answers(student, uncached):
    texts = [f"red shoe {number}" for number in range(30)]
    queries = [f"size {number % 5}" for number in range(40)]
    expected = {query: uncached.scores(query, texts) for query in set(queries)}

    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda query: student.scores(query, texts), queries))

    for query, scores in zip(queries, found, strict=True):
        np.testing.assert_allclose(scores, expected[query], atol=1e-5)


def test_an_answer_that_nobody_wants_any_more_is_cancelled(uncached):
    with pytest.raises(CancelledError):
        uncached.scores("red", ["shoe"], wanted=lambda: False)


def test_a_head_that_gives_no_number_is_an_error_and_not_a_score(folder, make_student):
    harmless = np.array(forward(folder, [0] * 32, [0] * 32).pooler_output)[0]
    bad = pooled_text(folder, "red", "shoe")
    apart, middle = bad - harmless, (bad + harmless) / 2
    slope = 100 / (apart @ apart)
    head = {  # -1 for what is tried when it opens, 1 for the text; -1 and 1 times 3e38, plus 3e38
        "dense.weight": (slope * apart)[None, :].astype(np.float32),
        "dense.bias": np.array([-slope * (apart @ middle)], np.float32),
        "out.weight": np.array([[3e38]], np.float32),
        "out.bias": np.array([3e38], np.float32),
    }
    student = CrossEncoder.open(make_student(head=head, metadata={"activation": "tanh"}), PLAIN)

    with pytest.raises(ValueError, match="'tiny': its head gives numbers that are not"):
        student.scores("red", ["shoe"])
    assert student.counters == Counters(asked=1)
    student.close()


def test_refuses_another_kind(make_student):
    with pytest.raises(ConfigError, match="where a cross_encoder is needed"):
        CrossEncoder.open(make_student("bi_encoder"), PLAIN)


def test_shares_threads_with_none_after_it_is_closed(folder):
    before = threading.active_count()
    student = CrossEncoder.open(folder, PLAIN)

    student.close()

    assert threading.active_count() == before
    with pytest.raises((RuntimeError, CancelledError)):
        student.scores("red", ["shoe"])


def test_the_manifest_is_at_hand(student):
    assert student.manifest.inputs == Inputs(max_query_tokens=8, max_tokens=32, token_types=True)


ASPECTS = {"aspects": ("brand", "model"), "verdicts": ("match", "mismatch", "unspecified")}


@pytest.fixture
def aspects_head(folder):
    """The layer for classes of the student in ``folder``, and beside it one for aspects."""
    drawn = np.random.default_rng(5).normal(0, 1, (6, 8)).astype(np.float32)
    return load_file(folder / "head.safetensors") | {"aspects.weight": drawn}


def test_verdicts_are_probabilities_of_what_the_aspects_layer_gives(aspects_head, make_student):
    folder = make_student(head=aspects_head, **CLASSES, **ASPECTS)
    student = CrossEncoder.open(folder, PLAIN)

    found = student.verdicts("red", ["shoe", "toner", "shoe"])

    logits = aspects_head["aspects.weight"] @ pooled_text(folder, "red", "toner")
    powers = np.exp(logits.reshape(2, 3))
    np.testing.assert_allclose(found[1], powers / powers.sum(axis=1, keepdims=True), atol=1e-5)
    assert found.shape == (3, 2, 3)
    assert (found[0] == found[2]).all()
    assert student.verdicts("red", []).shape == (0, 2, 3)
    student.close()


def test_scores_cost_the_same_with_aspects_as_without(aspects_head, make_student, folder):
    explaining = make_student(head=aspects_head, **CLASSES, **ASPECTS)
    one, two = (CrossEncoder.open(each, PLAIN) for each in (folder, explaining))
    texts = ["red shoe", "shoe", "toner"]

    assert (one.scores("red", texts) == two.scores("red", texts)).all()

    costs = [(each.counters, each.status().queue.rows) for each in (one, two)]
    assert costs[0] == costs[1]
    assert costs[1][0].explained == 0
    one.close()
    two.close()


def test_a_layer_that_nobody_asks_is_not_computed(aspects_head, make_student):
    head = aspects_head | {"aspects.weight": np.full((6, 8), 3e38, np.float32)}  # overflows
    student = CrossEncoder.open(make_student(head=head, **CLASSES, **ASPECTS), PLAIN)

    assert np.isfinite(student.scores("red", ["shoe"])).all()
    with pytest.raises(ValueError, match="numbers that are not finite"):
        student.verdicts("red", ["shoe"])
    student.close()


def test_verdicts_on_cached_pairs_are_computed_and_their_scores_are_not(aspects_head, make_student):
    student = CrossEncoder.open(make_student(head=aspects_head, **CLASSES, **ASPECTS), PLAIN)
    student.scores("red", ["shoe", "toner"])
    rows = student.status().queue.rows

    student.verdicts("red", ["shoe", "toner", "shoe"])
    student.scores("red", ["shoe", "toner"])

    assert student.counters == Counters(asked=4, cached=2, scored=2, explained=2)
    assert student.status().queue.rows == rows + 2
    student.close()


def test_a_student_without_aspects_computes_no_verdicts(student):
    before = student.status().queue.rows

    assert student.verdicts("red", ["shoe", "toner"]).shape == (2, 0, 0)
    assert student.status().queue.rows == before


def test_verdicts_that_nobody_waits_for_are_cancelled(aspects_head, make_student):
    student = CrossEncoder.open(make_student(head=aspects_head, **CLASSES, **ASPECTS), PLAIN)

    with pytest.raises(CancelledError):
        student.verdicts("red", ["shoe"], wanted=lambda: False)
    student.close()

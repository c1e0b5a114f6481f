import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from qrmiddleware.errors import ConfigError
from qrmiddleware.students.bi_encoder import BiEncoder
from qrmiddleware.students.manifest import Inputs
from qrmiddleware.students.opened import Counters
from qrmiddleware.students.settings import RuntimeSettings

PLAIN = RuntimeSettings(device="cpu", compute_type="float32", inter_threads=1, intra_threads=1)
WORDS = st.sampled_from(["red", "running", "shoe", "tn-2110", "çilek", "靴", "🙂", ""])
TEXTS = st.lists(st.lists(WORDS, max_size=8).map(" ".join), max_size=6)


@pytest.fixture(scope="module")
def folder(make_student):
    return make_student("bi_encoder", pooling="mean")


@pytest.fixture(scope="module")
def student(folder):
    opened = BiEncoder.open(folder, PLAIN)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def uncached(folder):
    opened = BiEncoder.open(folder, PLAIN.model_copy(update={"cache_bytes": 0}))
    yield opened
    opened.close()


def by_hand(folder, text):
    """The mean of the token vectors at length 1, computed with the libraries alone."""
    row = Tokenizer.from_file(str(folder / "tokenizer.json")).encode(text)
    import ctranslate2

    encoder = ctranslate2.Encoder(str(folder / "model"), compute_type="float32", intra_threads=1)
    found = encoder.forward_batch([row.ids], token_type_ids=[row.type_ids])
    mean = np.array(found.last_hidden_state)[0].mean(axis=0)
    return mean / np.sqrt((mean**2).sum())


def test_vectors_and_cosines_are_those_computed_by_hand(folder, student):
    texts = ["red running shoe", "toner", ""]
    expected = np.stack([by_hand(folder, text) for text in texts])

    np.testing.assert_allclose(student.vectors(texts), expected, atol=1e-5)
    np.testing.assert_allclose(
        student.scores("red shoe", texts), expected @ by_hand(folder, "red shoe"), atol=1e-5
    )


def test_prefixes_stand_before_queries_and_texts_and_cost_a_query_no_token(make_student):
    inputs = Inputs(max_query_tokens=4, max_tokens=32, query_prefix="red hp ", text_prefix="grey ")
    folder = make_student("bi_encoder", pooling="mean", inputs=inputs)
    opened = BiEncoder.open(folder, PLAIN)

    query, text = opened.vectors(["shoe"], query=True), opened.vectors(["shoe"])
    long = opened.vectors(["red red red red red"], query=True)

    np.testing.assert_allclose(query[0], by_hand(folder, "red hp shoe"), atol=1e-5)
    np.testing.assert_allclose(text[0], by_hand(folder, "grey shoe"), atol=1e-5)
    np.testing.assert_allclose(long[0], by_hand(folder, "red hp red red red red"), atol=1e-5)
    opened.close()


def test_a_prefix_that_fills_the_input_is_refused(make_student):
    inputs = Inputs(max_tokens=4, text_prefix="red red red ")
    folder = make_student("bi_encoder", pooling="mean", inputs=inputs)

    with pytest.raises(ConfigError, match="tokens of a prefix, which leave nothing"):
        BiEncoder.open(folder, PLAIN)


def test_a_layer_for_queries_leaves_the_vectors_of_texts_alone(make_student):
    turned = np.eye(8, dtype=np.float32)[::-1].copy()
    plain = make_student("bi_encoder", pooling="mean")
    apart = make_student("bi_encoder", pooling="mean", head={"query.weight": turned})

    before, after = BiEncoder.open(plain, PLAIN), BiEncoder.open(apart, PLAIN)

    assert after.vectors(["red shoe"]) == pytest.approx(before.vectors(["red shoe"]))
    assert after.vectors(["red shoe"], query=True) == pytest.approx(
        before.vectors(["red shoe"], query=True)[:, ::-1]
    )
    before.close()
    after.close()


def test_a_dense_layer_gives_vectors_of_its_own_width(make_student):
    weight = np.random.default_rng(1).normal(0, 1, (3, 8)).astype(np.float32)
    folder = make_student("bi_encoder", pooling="mean", head={"dense.weight": weight})
    plain = by_hand(folder, "red shoe") @ weight.T

    student = BiEncoder.open(folder, PLAIN)

    assert student.width == 3
    found = student.vectors(["red shoe"])[0]
    np.testing.assert_allclose(found, plain / np.linalg.norm(plain), atol=1e-5)
    student.close()


@settings(max_examples=15, deadline=None)
@given(texts=TEXTS, query=st.booleans())
def test_vectors_have_length_1_and_do_not_depend_on_company_or_cache(
    student, uncached, texts, query
):
    alone = [uncached.vectors([text], query=query)[0] for text in texts]

    found = student.vectors(texts, query=query)

    assert found.shape == (len(texts), 8)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(found, np.reshape(alone, (-1, 8)), atol=1e-5)


def test_a_query_is_cut_shorter_than_a_text_and_kept_apart_from_it(folder):
    student = BiEncoder.open(folder, PLAIN)
    long = "red shoe " * 10

    as_query, as_text = student.vectors([long], query=True), student.vectors([long])

    assert not np.allclose(as_query, as_text)
    assert student.counters == Counters(asked=2, cached=0, scored=2, cut=1)
    student.close()


def test_a_text_is_computed_once_and_repeats_are_not_counted_as_computed(folder):
    student = BiEncoder.open(folder, PLAIN)

    student.scores("red", ["shoe", "shoe", "toner"])
    student.scores("blue", ["toner", "shoe"])

    assert student.counters == Counters(asked=7, cached=2, scored=4)
    assert student.status().cache.entries == 4
    student.close()


def test_vectors_that_come_with_the_documents_are_used(student):
    texts = ["shoe", "toner", "cable"]
    given = [[3.0, *[0.0] * 7], None, student.vectors(["cable"])[0].tolist()]
    asked = student.vectors(["red"], query=True)[0]

    scores = student.scores("red", texts, vectors=given)

    plain = student.scores("red", texts)
    np.testing.assert_allclose(scores, [asked[0], plain[1], plain[2]], atol=1e-5)


def test_no_text_is_computed_when_all_come_with_vectors(folder):
    student = BiEncoder.open(folder, PLAIN)

    scores = student.scores("red", ["shoe", "toner"], vectors=[[0.0] * 8, [1.0] * 8])

    assert scores[0] == 0
    assert student.counters == Counters(asked=1, scored=1)
    student.close()


@pytest.mark.parametrize(
    ("vectors", "problem"),
    [
        ([[1.0] * 8], "2 texts come with 1 vectors"),
        ([[1.0] * 8, [1.0] * 7], r"vector 1 has shape \(7,\), where student 'tiny' makes \(8,\)"),
        ([[1.0] * 8, []], r"vector 1 has shape \(0,\)"),
        ([[1.0] * 8, 0.5], r"vector 1 has shape \(\)"),
        ([["red"] * 8, None], "vector 0 is no list of numbers"),
        ([[1.0] * 8, [[1.0], [2.0, 3.0]]], "vector 1 is no list of numbers"),
        ([{"a": 1}, None], "vector 0 is no list of numbers"),
        ([[float("nan")] * 8, None], "vector 0 holds numbers that are not finite"),
        ([[1e39] * 8, None], "vector 0 holds numbers that are not finite"),
    ],
)
def test_refuses_vectors_that_are_not_its_own_kind(student, vectors, problem):
    with pytest.raises(ValueError, match=problem):
        student.scores("red", ["shoe", "toner"], vectors=vectors)


def test_no_texts_have_no_scores(student):
    assert student.scores("red", []).shape == (0,)
    assert student.scores("red", [], vectors=[]).shape == (0,)
    assert student.vectors([]).shape == (0, 8)


def test_what_it_returns_may_be_changed_without_harm(student):
    student.vectors(["shoe"])[:] = 0

    assert student.vectors(["shoe"]).any()


@pytest.mark.parametrize("text", ["", "x" * 100_000, "🙂" * 300, "赤い靴", "\ud800", "a\0b"])
def test_awkward_texts_have_vectors(student, text):
    assert np.isfinite(student.scores(text, [text, "shoe"])).all()


def test_refuses_another_kind(make_student):
    with pytest.raises(ConfigError, match="where a bi_encoder is needed"):
        BiEncoder.open(make_student(), PLAIN)


def test_the_manifest_is_at_hand(student):
    assert student.manifest.kind == "bi_encoder"

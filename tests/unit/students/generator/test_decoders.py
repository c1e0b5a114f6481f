import json
import shutil

import numpy as np
import pytest

from qrmiddleware.errors import ConfigError
from qrmiddleware.students.generator.decoders import DecoderOnly, EncoderDecoder
from qrmiddleware.students.generator.options import DecodingOptions
from qrmiddleware.students.generator.stepwise import log_softmax

PROMPT = ("ab", "Ġcd", "</s>")
BARRED = (0, 2, 3, 16, 17)


def always():
    return True


def load(student, *, fixed=()):
    from ctranslate2 import Generator, Translator

    folder = student / "model"
    if (folder / "shared_vocabulary.json").is_file():
        return EncoderDecoder(folder, Translator(str(folder), intra_threads=1))
    return DecoderOnly(folder, Generator(str(folder), intra_threads=1), fixed)


def chained(decoder, tokens):
    """Log-probability by the chain rule, from the logits of each step."""
    total = 0.0
    for length, token in enumerate((*tokens, decoder.end)):
        total += float(log_softmax(decoder.next_logits(PROMPT, [tokens[:length]]))[0, token])
    return total


def searches(decoder, **options):
    """What each way of the runtime finds."""
    wishes = {"n": 4, "max_new_tokens": 6, **options}
    beams = DecodingOptions(**wishes, beams=8)
    sampling = DecodingOptions(**wishes, method="sampling", temperature=1.5, top_k=9, seed=None)
    return {
        "beams": decoder.beams(PROMPT, beams),
        "alternatives": decoder.alternatives(PROMPT, beams, barred=BARRED, wanted=always),
        "sampling": [
            each for _ in range(8) for each in decoder.samples(PROMPT, sampling, wanted=always)
        ],
    }


@pytest.mark.parametrize("no_repeat_ngram", [0, 1])
def test_a_log_probability_is_the_models_own_however_it_was_found(student, no_repeat_ngram):
    decoder = load(student)

    for way, found in searches(decoder, no_repeat_ngram=no_repeat_ngram).items():
        assert found, way
        assert [each.total for each in found] == pytest.approx(
            [chained(decoder, each.tokens) for each in found], abs=1e-3
        ), way


def test_reading_a_text_gives_the_same_as_finding_it(student):
    decoder = load(student)
    found = decoder.beams(PROMPT, DecodingOptions(beams=8, max_new_tokens=6))

    read = decoder.score(PROMPT, [each.tokens for each in found])

    assert [each.tokens for each in read] == [each.tokens for each in found]
    assert [each.total for each in read] == pytest.approx([each.total for each in found], abs=1e-3)


def test_logits_are_those_of_one_pass_over_the_whole_text(make_student):
    from ctranslate2 import Generator

    decoder, tokens = load(make_student()), (4, 12, 13)
    model = Generator(str(make_student() / "model"), intra_threads=1)

    rows = decoder.next_logits(PROMPT, [tokens, (4, 12, 6)])

    whole = np.array(model.forward_batch([[*PROMPT, "a", "ab", "cd"]]))[0, -1]
    assert rows.shape == (2, len(decoder.vocabulary))
    assert rows[0] == pytest.approx(whole, abs=1e-4)


def test_no_text_is_longer_than_allowed_and_all_are_complete(student):
    decoder = load(student)
    unlimited = decoder.beams(PROMPT, DecodingOptions(beams=8, max_new_tokens=12))

    short = decoder.beams(PROMPT, DecodingOptions(beams=8, max_new_tokens=1))

    assert max(len(each.tokens) for each in unlimited) > 1
    assert {len(each.tokens) for each in short} <= {0, 1}


def test_alternatives_begin_with_the_likeliest_tokens_and_go_on_greedily(student):
    decoder = load(student)
    row = decoder.next_logits(PROMPT, [()])[0]
    row[[*BARRED, decoder.end]] = -np.inf
    expected = set()
    for token in np.argsort(-row)[:4]:
        tokens = (int(token),)
        while len(tokens) <= 6:
            likeliest = int(decoder.next_logits(PROMPT, [tokens])[0].argmax())
            if likeliest == decoder.end:
                expected.add(tokens)
                break
            tokens = (*tokens, likeliest)

    assert {each.tokens for each in searches(decoder)["alternatives"]} == expected


def test_what_all_prompts_begin_with_changes_no_answer(make_student):
    plain, known = load(make_student()), load(make_student(), fixed=PROMPT[:2])

    for one, other in zip(
        plain.beams(PROMPT, DecodingOptions()), known.beams(PROMPT, DecodingOptions()), strict=True
    ):
        assert one.tokens == other.tokens
        assert one.total == pytest.approx(other.total, abs=1e-4)
    assert known.beams(PROMPT[:2], DecodingOptions()) == plain.beams(PROMPT[:2], DecodingOptions())


def test_a_model_without_end_token_is_refused(make_student):
    with pytest.raises(ConfigError, match="end token '<none>', which is none of the model's 18"):
        load(make_student(end="<none>"))


def test_a_model_without_vocabulary_is_refused(make_student, tmp_path):
    shutil.copytree(make_student() / "model", tmp_path / "model")
    (tmp_path / "model" / "vocabulary.json").unlink()

    with pytest.raises(ConfigError, match=r"has none of vocabulary\.json"):
        DecoderOnly(tmp_path / "model", None, ())


@pytest.mark.parametrize("encoder_decoder", [False, True])
def test_log_probabilities_that_are_no_numbers_are_an_error(make_student, encoder_decoder):
    decoder = load(make_student(encoder_decoder=encoder_decoder, scale=float("nan")))

    with pytest.raises(ValueError, match="are no numbers: its weights are damaged"):
        decoder.beams(PROMPT, DecodingOptions())
    with pytest.raises(ValueError, match="are no numbers"):
        decoder.next_logits(PROMPT, [()])


def test_of_tokens_that_occur_twice_the_first_counts(make_student, tmp_path):
    folder = tmp_path / "model"
    shutil.copytree(make_student() / "model", folder)
    words = json.loads((folder / "vocabulary.json").read_text(encoding="utf-8"))
    words[-1] = "ab"
    (folder / "vocabulary.json").write_text(json.dumps(words), encoding="utf-8")

    assert DecoderOnly(folder, None, ()).ids["ab"] == words.index("ab")

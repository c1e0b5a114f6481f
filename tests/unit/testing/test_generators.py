import pytest

from qrmiddleware.students.generator import DecodingOptions, Generator
from qrmiddleware.students.settings import RuntimeSettings
from qrmiddleware.testing.generators import make_generator

QUICK = RuntimeSettings(device="cpu", compute_type="float32", inter_threads=1, intra_threads=1)
BEAMS = DecodingOptions(n=2, beams=2, max_new_tokens=12)
ALTERNATIVES = DecodingOptions(n=2, method="alternatives", max_new_tokens=12)


def written(folder, options=BEAMS):
    generator = Generator.open(folder, QUICK)
    try:
        return [each.text for each in generator.generate("red shoe", options)]
    finally:
        generator.close()


def test_it_writes_its_terms_and_nothing_else(tmp_path):
    texts = written(make_generator(tmp_path / "one", terms=("sneaker",)))

    assert texts
    assert {word for text in texts for word in text.split()} == {"sneaker"}


def test_equal_arguments_write_the_same_and_another_seed_does_not(tmp_path):
    texts = written(make_generator(tmp_path / "a", seed=1), ALTERNATIVES)

    assert texts
    assert texts == written(make_generator(tmp_path / "b", seed=1), ALTERNATIVES)
    assert texts != written(make_generator(tmp_path / "c", seed=2), ALTERNATIVES)


def test_a_broken_one_opens_and_cannot_say_how_likely_a_rewrite_is(tmp_path):
    folder = make_generator(tmp_path / "broken", terms=("a",), broken=True)

    with pytest.raises(ValueError, match="number"):
        written(folder)

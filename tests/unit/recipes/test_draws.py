from itertools import islice

import pytest

from qrmiddleware.distill.causal.generation import Decoding
from qrmiddleware.distill.causal.models import Size, tiny_causal
from qrmiddleware.errors import ConfigError
from qrmiddleware.recipes import draws
from qrmiddleware.recipes.draws import Asked, draw

pytestmark = pytest.mark.students
DECODING = Decoding(4, 1.0, samples=2)
ASKED = [Asked(f"k{n}", (60 + n, 61 + n)) for n in range(5)]


@pytest.fixture
def lm(monkeypatch):
    pytest.importorskip("torch")
    monkeypatch.setattr(draws, "_GROUP", 2)
    return tiny_causal(["red shoe"] * 3, Size(280, 1, 16, 2))


def ask(lm, file, asked=ASKED, *, by="m", decoding=DECODING, **told):
    return draw(lm, asked, decoding, file, by=by, budget=1000, **told)


def lines(file):
    return file.read_bytes().splitlines()


def test_every_prompt_gets_its_samples_and_nothing_is_drawn_twice(lm, tmp_path, monkeypatch):
    file, heard = tmp_path / "d.jsonl", []
    made = ask(lm, file, tell=lambda *told: heard.append(told))
    assert [len(group) for group in made] == [2] * 5
    assert heard == [(2, 5), (4, 5), (5, 5)]
    before = file.read_bytes()
    monkeypatch.setattr(draws, "respond", None)

    assert ask(lm, file) == made
    assert file.read_bytes() == before


@pytest.mark.parametrize("left", [0, 1, 2, 3, 4])
def test_a_killed_run_ends_with_the_same_draws(lm, tmp_path, left):
    whole = ask(lm, tmp_path / "a.jsonl")
    kept = b"".join(line + b"\n" for line in islice(lines(tmp_path / "a.jsonl"), left))
    (tmp_path / "b.jsonl").write_bytes(kept + b'{"key":"half')

    assert ask(lm, tmp_path / "b.jsonl") == whole
    assert sorted(lines(tmp_path / "b.jsonl")) == sorted(lines(tmp_path / "a.jsonl"))


def test_draws_of_another_model_or_temperature_are_others(lm, tmp_path):
    file = tmp_path / "d.jsonl"
    ask(lm, file)
    ask(lm, file, by="another")
    ask(lm, file, decoding=Decoding(4, 0.5, samples=2))

    assert len(lines(file)) == 15
    assert len({line.split(b'"by":')[1].split(b",")[0] for line in lines(file)}) == 3


def test_more_prompts_keep_what_is_drawn(lm, tmp_path):
    few = ask(lm, tmp_path / "d.jsonl", ASKED[:4])

    assert ask(lm, tmp_path / "d.jsonl")[:4] == few
    assert len(lines(tmp_path / "d.jsonl")) == 5


def test_a_line_that_is_no_draw_is_named(lm, tmp_path):
    (tmp_path / "d.jsonl").write_text('{"key": 3}\n')

    with pytest.raises(ConfigError, match=r"d\.jsonl:1: is no response that was drawn"):
        ask(lm, tmp_path / "d.jsonl")

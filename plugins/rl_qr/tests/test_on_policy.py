import pytest

from qrmiddleware.distill.causal.generation import Decoding
from qrmiddleware.distill.causal.models import Size, causal_like, tiny_causal
from qrmiddleware.errors import ConfigError
from qrmiddleware.recipes import loop
from qrmiddleware.recipes.causal import CausalFitting
from qrmiddleware_rl_qr.recipes.on_policy import Asked, apart, learn_on_policy

pytestmark = pytest.mark.students
TEXTS = ["red sofa", "red couch", "blue lamp"] * 3
FITTING = CausalFitting(4, 3e-3, rows=2, at_once=2, max_tokens=30)
DECODING = Decoding(4, 1.0, samples=2)


@pytest.fixture
def teacher():
    torch = pytest.importorskip("torch")
    made = tiny_causal(TEXTS, Size(280, 1, 16, 2), seed=1)
    with torch.no_grad():
        for weight in made.model.parameters():
            weight.mul_(4 if weight.dim() > 1 else 1)
    return made


@pytest.fixture
def begin(teacher):
    return lambda: causal_like(teacher.tokenizer, Size(0, 1, 16, 2), seed=2)


@pytest.fixture
def asked(teacher):
    """The teacher is asked in other words than the student."""
    ids = [tuple(teacher.tokenizer(text)["input_ids"]) for text in TEXTS[:3]]
    return [Asked(each, (*ids[0], *each)) for each in ids]


def learn(student, teacher, asked, folder, fitting=FITTING):
    learn_on_policy(student, teacher, asked, fitting=fitting, decoding=DECODING, checkpoints=folder)
    return {name: each.tolist() for name, each in student.model.state_dict().items()}


def test_a_student_comes_nearer_to_what_its_teacher_holds_likely(teacher, begin, asked, tmp_path):
    student = begin()
    told = Decoding(4, 1.0, samples=20)
    before = apart(student, teacher, asked, told)

    learn(student, teacher, asked, tmp_path, CausalFitting(40, 5e-3, rows=3, at_once=3))

    after = apart(student, teacher, asked, told)
    assert after.reverse_kl < before.reverse_kl / 2
    assert after.teacher_log_probability > before.teacher_log_probability


def test_a_model_is_not_apart_from_itself(teacher, asked):
    same = [Asked(each.teacher, each.teacher) for each in asked]

    assert apart(teacher, teacher, same, DECODING).reverse_kl == pytest.approx(0, abs=1e-5)


def test_a_killed_run_draws_the_same_and_ends_with_the_same_weights(
    teacher, begin, asked, tmp_path, monkeypatch
):
    whole = learn(begin(), teacher, asked, tmp_path / "whole")
    monkeypatch.setattr(loop, "SAVE_EVERY", 2)
    saved = loop.save_checkpoint

    def killed(*arguments, **told):
        saved(*arguments, **told)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(loop, "save_checkpoint", killed)
        with pytest.raises(KeyboardInterrupt):
            learn(begin(), teacher, asked, tmp_path / "killed")

    assert learn(begin(), teacher, asked, tmp_path / "killed") == whole


def test_another_tokenizer_is_refused(teacher, asked, tmp_path):
    student = tiny_causal(["others"], Size(270, 1, 16, 2))

    with pytest.raises(ConfigError, match="different tokenizers"):
        learn(student, teacher, asked, tmp_path)
